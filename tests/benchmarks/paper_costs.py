"""Cost of every configuration of a paper's own size, from one step of a few samples at full size.

    python tests/benchmarks/paper_costs.py [--only NAME]

Each runs with ``sciformer.training.cost.Cost`` on small files that stand in for its data. The table
has parameters, operations per sample, memory per rank, and hours of all samples on 8 devices of 100
TFLOP/s each; that data keep up is assumed.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from mpp.data.description import Description, by_name
from mpp.data.pdebench_writer import write_pdebench

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests"))
from stand_ins import STAND_INS  # noqa: E402  # a folder of tests is no package

RATE, RANKS = 100.0, 8
COST = "sciformer.training.cost.Cost"
ONE_STEP = (
    *("--trainer.accelerator=cpu", "--trainer.precision=32-true", "--trainer.fast_dev_run=true"),
    *(f"--trainer.callbacks+={COST}", f"--trainer.callbacks.tflops={RATE:g}"),
    *(f"--trainer.callbacks.ranks={RANKS}", "--data.workers=0", "--threads=1"),
)
HEADER = (
    *("configuration", "parameters", "FLOPs per sample", "GiB per rank, DDP", "FSDP"),
    *("GiB per sample", "samples", f"hours, {RANKS} x {RATE:g} TFLOP/s"),
)
HEADS = {"image_head": {"residual": False}, "spectrum_head": {"context_dim": 768}}
PUBLISHED = json.dumps({"image": {}, "spectrum": {}} | HEADS)  # networks


class Run(NamedTuple):
    """A configuration, the samples of its whole training, and what makes one step short."""

    config: str
    samples: float
    words: tuple[str, ...]
    name: str = ""


def avit(size: str, points: int) -> Run:
    """MPP's network on one of the paper's grids, as a batch holds one system."""
    file = json.dumps([{"name": "flow", "path": f"flow_{points}.h5"}])
    words = (f"--model.network.size={size}", f"--data.files={file}", "--data.batch_size=1")
    return Run("mpp/paper", 8e6, (*words, "--data.test_horizon=1"), f"{size}, {points} x {points}")


def flow(folder: Path, points: int) -> None:
    """Frames of a compressible flow, in its shape alone."""
    known = tuple(map(by_name, ("velocity_x", "velocity_y", "density", "pressure")))
    described = Description(known, (points,) * 2, ("periodic",) * 2, (1 / points,) * 2, 0.05)
    arrays = np.random.default_rng(0).standard_normal((3, 17, 4, points, points), np.float32)
    write_pdebench(folder / f"flow_{points}.h5", "compressible", arrays, described)


FOUR = "--data.batch_size=4"
RUNS = (
    Run(
        "astroclip/paper",
        1.58e7,
        (FOUR, f"--model.network.original={PUBLISHED}", "--model.start=null"),
    ),
    Run("astroclip/paper-spectrum", 7.68e6, (FOUR,)),
    Run("astroclip/paper-image", 3.6e8, (FOUR,)),
    Run("contextual_counting/paper", 6.4e4, ()),
    *(avit(size, 128) for size in ("Ti", "S", "B", "L")),
    avit("Ti", 512),
    Run("xval/planets-paper", 1.25e7, (FOUR, "--data.sets=[{set: planets, count: 40}]")),
)


def main() -> None:
    """Run one step of each and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="part of the names of configurations")
    only = parser.parse_args().only
    runs = [run for run in RUNS if only in run.config]
    if not runs:
        parser.error(f"--only: no configuration is called {only!r}")
    table = Table(*HEADER)
    with tempfile.TemporaryDirectory() as folder:
        for run in runs:
            table.add_row(*cost(Path(folder), run))
    Console(width=160).print(table)


def cost(folder: Path, run: Run) -> list[str]:
    """Cells of the table for one configuration."""
    project, name = run.config.split("/")
    own = folder / run.config
    if not own.exists():
        own.mkdir(parents=True)
        if project == "mpp":
            flow(own, 128)
            flow(own, 512)
        elif (project, name) in STAND_INS:
            STAND_INS[project, name](own)
    words = ["fit", "--config", ROOT / f"configs/{run.config}.yaml", *ONE_STEP, *run.words]
    words = [sys.executable, "-m", project, *words]
    said = subprocess.run(words, cwd=own, capture_output=True, text=True, check=False)
    if said.returncode:
        raise SystemExit(f"{run.config}: {said.stderr[-2000:]}")
    found = re.findall(r"│ (.+?) +│ ([\d.,e+-]+)", said.stdout)
    (_, parameters), (_, flops), (_, ddp), (_, fsdp), (_, kept), (_, hours) = found
    gib = (f"{float(size.replace(',', '')) / 1024:.2g}" for size in (ddp, fsdp, kept))
    whole = f"{float(hours) * run.samples / 1e6:.3g}"
    return [
        f"{run.config} {run.name}".strip(),
        parameters,
        flops,
        *gib,
        f"{run.samples:.3g}",
        whole,
    ]


if __name__ == "__main__":
    main()
