"""Files that the first training batch enters on its way from the loader to the loss.

    python tests/benchmarks/files_entered.py [--config smoke] [--list]

Each project trains one step in this process, as its configuration says, and every call of a
function of ours is recorded. A move is a call in another file than the call before it.
Exits with 1 where a package enters more than 15 of its own files.
"""

import argparse
import sys
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from sciformer.arguments import with_tables
from sciformer.cli.options import resolve

sys.path.append(str(Path(__file__).parents[1]))
from trainers import silent_trainer

ROOT = Path(__file__).parents[2]
LIMIT = 15


class Calls(Callback):
    """Record the file of each Python call from the start of the epoch to the first loss."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def record(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            self.files.append(frame.f_code.co_filename)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        sys.setprofile(self.record)

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        sys.setprofile(None)

    def of(self, package: str) -> list[str]:
        """Files of the calls into one package, relative to it."""
        parts = (file.partition(f"/src/{package}/") for file in self.files)
        return [inside for _, found, inside in parts if found]


def first_batch(name: str, config: str) -> Calls:
    """Train one step of a project."""
    project = entry_points(group="sciformer.projects")[name].load()
    given = yaml.safe_load((ROOT / f"configs/{name}/{config}.yaml").read_text())
    data = resolve(project.data)(**given["data"])
    linked = {
        target.removeprefix("model."): getattr(data, source.removeprefix("data."))
        for source, target in project.links.items()
    }
    kind, calls = resolve(project.module), Calls()
    module = kind(**with_tables(kind, given["model"]), **linked)
    silent_trainer(callbacks=[calls], max_steps=1, limit_val_batches=0).fit(module, data)
    return calls


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", default="smoke", help="name of each project's YAML file")
    parser.add_argument("--list", action="store_true", help="name the files")
    args = parser.parse_args()
    table = Table("project", "files", "moves", "files of the core")
    most, listed = 0, []
    for name in sorted(entry.name for entry in entry_points(group="sciformer.projects")):
        calls = first_batch(name, args.config)
        own, core = calls.of(name), calls.of("sciformer")
        moves = sum(a != b for a, b in pairwise(own))
        table.add_row(name, str(len({*own})), str(moves), str(len({*core})))
        most = max(most, len({*own}))
        listed += [f"{name}: {' '.join(dict.fromkeys(own))}; core: {' '.join(dict.fromkeys(core))}"]
    Console().print(table, *(listed if args.list else ()), sep="\n")
    sys.exit(most > LIMIT)


if __name__ == "__main__":
    main()
