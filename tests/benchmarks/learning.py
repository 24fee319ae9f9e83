"""Learning benchmarks: a quick run's deciding metrics inside the band of its seeds.

``bands.json`` says which run, which bands, and how they were obtained.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from trees import environment

BANDS = json.loads(Path(__file__).with_name("bands.json").read_text(encoding="utf-8"))


class Learned(NamedTuple):
    """One metric of a quick run, its band, and what the run cost."""

    project: str
    seed: int
    metric: str
    value: float | None  # None: the run has failed
    band: tuple[float, float]
    cpu_s: float
    note: str = ""

    @property
    def inside(self) -> bool:
        """Whether the metric is in its band; a missing or NaN one is not."""
        return self.value is not None and self.band[0] <= self.value <= self.band[1]


def quick_runs(tree: Path, out: Path) -> Iterator[list[Learned]]:
    """Train and evaluate the quick run of every project and seed; yield its metrics."""
    for project, plan in BANDS.items():
        for seed in plan["seeds"]:
            yield list(quick_run(tree, out / f"{project}-{seed}", project, seed))


def quick_run(tree: Path, out: Path, project: str, seed: int) -> Iterator[Learned]:
    """Train and evaluate one quick run of a tree."""
    plan = BANDS[project]
    fit = ["fit", "--config", plan["config"], "--seed_everything", str(seed)]
    fit += ["--trainer.default_root_dir", str(out), "--trainer.enable_progress_bar", "false"]
    metrics, note = {}, ""
    for words in (fit, ["evaluate", str(out), "--out", str(out / "report"), *plan["evaluate"]]):
        command = [sys.executable, "-m", project, *words]
        done = subprocess.run(
            command, cwd=tree, env=environment(tree), capture_output=True, text=True, check=False
        )
        if done.returncode:
            note = (done.stderr.strip() or "failed").splitlines()[-1]
            break
    else:
        metrics = json.loads((out / "report/metrics.json").read_text(encoding="utf-8"))
    cpu_s = metrics.get("run", {}).get("cpu_s", 0.0)
    for metric, (low, high) in plan["bands"].items():
        yield Learned(project, seed, metric, metrics.get(metric), (low, high), cpu_s, note)
