"""Make the trained networks that the packages ship, from finished runs in ``runs``.

python .github/ship.py PROJECT/NAME ...

Train and evaluate first, by the command in the network's card and by ``evaluate``. A card ends with
a short check, its numbers and how far other machines may differ: tests/test_shipped.py repeats it.
"""

import json
import re
import shlex
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from sciformer.cli.options import resolve
from sciformer.training.checkpoints.hub import METRICS
from sciformer.training.checkpoints.shipped import FOLDER

ROOT = Path(__file__).parents[1]
CARD = """
## Check

`{command}` gives on every machine, apart from rounding:

| metric | value | tolerance |
|---|---|---|
{rows}

{reason}
"""


class Network(NamedTuple):
    """A network to ship.

    Args:
        run: Folder of its run.
        metrics: Pattern of the metrics of its evaluation in the card.
        limits: What it cannot do.
        check: Verb and options of the check.
        checked: Pattern of the metrics of the check.
        reason: Why other machines may differ.
        tolerance: By how much.
        relative: Whether it is a share of the value.
    """

    run: str
    metrics: str
    limits: str
    check: str
    checked: str
    reason: str
    tolerance: float
    relative: bool = False


NETWORKS = {
    "astroclip/standard": Network(
        "runs/astroclip/standard",
        r"retrieval/recall_10/.*|(redshift|log_mass)/r2/.*",
        "For simulated galaxies: it has never seen a real survey's noise, artefacts or population. "
        "Images of 0.262 arcsec per pixel in g, r, z; spectra of DESI's wavelengths.",
        "evaluate {name} --samples 200 --bank 2000 --device cpu",
        r"retrieval/recall_10/\w+_to_\w+|redshift/r2/(image|spectrum)_[hz]",
        "Rounding changes the order of nearly equal neighbors; one galaxy of 200 is 0.005.",
        0.02,
    ),
    "contextual_counting/beyond": Network(
        "runs/contextual_counting/beyond",
        r".*/top1/.*",
        "For the task of its training: regions between brackets in sequences of 0s and 1s. Counts "
        "stay below 1024.",
        "evaluate {name} --samples 100 --sets [r3,t1024] --device cpu",
        r".*/top1/region\d",
        "Rounding changes a nearly undecided count; one sequence of 100 is 0.01.",
        0.02,
    ),
    "mpp/quick": Network(
        "runs/mpp/quick",
        r"\w+/nrmse/(step1|steps1to5)(/baseline_\w+)?",
        "For frames like those of its training: three built-in systems on 32 x 32 points, at their "
        "time steps. Their solver is better and cheaper. On other data it is a start to finetune.",
        "rollout {name} '{{system: shallow_water, shape: [32, 32], count: 1, seed: 7}}' --steps 5 "
        "--device cpu",
        r"\w+/nrmse/(step1|steps1to5)",
        "Rounding of single precision, which five steps amplify: 1 %.",
        0.01,
        relative=True,
    ),
    "xval/quick": Network(
        "runs/xval/quick",
        r"orbits(/ood)?/(mse|r2|median_relative)/a(/baseline_\w+)?",
        "For texts of its training: six positions of one orbit, whose axis is asked for.",
        "evaluate {name} --samples 200 --device cpu",
        r"orbits(/ood)?/(r2|mse|median_relative)/a",
        "Rounding of single precision: 1 %.",
        0.01,
        relative=True,
    ),
}


def ship(name: str) -> None:
    """Write weights, settings and card of a network into its package."""
    project, _, own = name.partition("/")
    each, known = NETWORKS[name], import_module(f"{project}.cli").PROJECT
    module = resolve(known.module).from_pretrained(each.run)
    folder = ROOT / "packages" / project / "src" / project / FOLDER / own
    numbers = json.loads((Path(each.run) / METRICS).read_text())
    about = {
        "repo_id": name,
        "limits": each.limits,
        "licence": "MIT, as the package.",
        "metrics": table(("metric", "value"), chosen(numbers, each.metrics)),
    }
    module.save_pretrained(folder, model_card_kwargs=about)
    command = f"{known.command} {each.check.format(name=name)}"
    found = chosen(check(command), each.checked)
    rows = [[*row, each.tolerance * (float(row[1]) if each.relative else 1)] for row in found]
    lines = [f"| {key} | {value} | {most:.2g} |" for key, value, most in rows]
    card = folder / "README.md"
    said = CARD.format(command=command, rows="\n".join(lines), reason=each.reason)
    card.write_text(card.read_text().rstrip() + "\n" + said)


def check(command: str) -> dict[str, Any]:
    """Metrics that a command writes."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*shlex.split(command), "--out", f"{folder}/out"], check=True)
        return json.loads((Path(folder) / "out/metrics.json").read_text())


def chosen(numbers: dict[str, Any], pattern: str) -> list[list[Any]]:
    """Metrics whose names match, rounded."""
    return [[key, f"{n:.5g}"] for key, n in numbers.items() if re.fullmatch(pattern, key)]


def table(columns: tuple[str, ...], rows: list[list[Any]]) -> str:
    """A table in Markdown."""
    every = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in every)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        ship(name)
