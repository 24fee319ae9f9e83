"""Kill fits at random moments, have them go on, and compare them with those that were left alone.

    PYTHONPATH=tests/core python tests/core/training/kills.py [--kills 40] [--seed 0] [--kind steps]

Each kind of run is first left alone. Then it is started in another folder with ``--ckpt_path auto``
and told to end, by a signal that is drawn at a moment that is drawn, again and again until it has
come to its end. Weights, optimizer, schedule, counters and every row of ``metrics.csv`` must be
the very same. Exits with 1 for the first difference.
"""

import argparse
import csv
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from forks import Fork, announce
from lightning.pytorch import Callback, Trainer
from minimal import MinimalData, MinimalModule
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from sciformer import files
from sciformer.cli import lightning
from sciformer.cli.project import Project
from sciformer.data.loader import SeededLoader
from sciformer.training.checkpoints import checkpoint

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
SOON = 5.0  # seconds in which a run that is told to end has ended
TIMES = ("train/samples_per_s", "train/peak_memory_gib")  # columns that no two runs share
PROJECT = Project("kills", "Be killed.", "kills:Noisy", "kills:Longer")
COMMON = (
    *("--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false", "--threads=1"),
    *("--trainer.log_every_n_steps=1", "--data.samples=40", "--trainer.callbacks+=kills.Dawdle"),
)
BATCHES = 5  # of an epoch
KINDS = {  # name -> options
    "epochs": ("--trainer.max_epochs=4", "--save_every=2"),
    "steps": ("--trainer.max_steps=18", "--trainer.val_check_interval=3", "--save_every=3"),
    "accumulated": (
        *("--trainer.max_epochs=4", "--trainer.accumulate_grad_batches=2", "--save_every=1"),
        "--trainer.val_check_interval=3",
    ),
    "rarely": (
        *("--trainer.max_steps=24", "--trainer.check_val_every_n_epoch=2", "--save_every=0"),
        "--trainer.gradient_clip_val=0.1",
    ),
    "stopped": (
        *("--trainer.max_epochs=9", "--save_every=4", "--trainer.callbacks+=EarlyStopping"),
        *("--trainer.callbacks.monitor=val/loss", "--trainer.callbacks.patience=1"),
        "--trainer.callbacks.min_delta=1",
    ),
}


class Noisy(MinimalModule):
    """The minimal module with dropout and a schedule."""

    def __init__(self, dim: int = 8, heads: int = 2, lr: float = 1e-2) -> None:
        super().__init__(dim, heads, lr)
        self.save_hyperparameters(logger=False)
        self.model.head = nn.Sequential(nn.Dropout(0.2), self.model.head)

    def configure_optimizers(self) -> Any:
        optimizer = super().configure_optimizers()
        schedule = LambdaLR(optimizer, lambda step: 1 / (1 + 0.1 * step))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


class Longer(MinimalData):
    """The minimal data with five batches to validate on."""

    def val_dataloader(self) -> SeededLoader:
        return self._loader(40, 1)


class Dawdle(Callback):
    """Take time for each batch, and for what is written, so that signals come in the middle."""

    def on_fit_start(self, trainer: Trainer, *args: Any) -> None:
        announce()
        quick = files._sync
        files._sync = lambda path: (time.sleep(0.01), quick(path))

    def on_train_batch_start(self, trainer: Trainer, *args: Any) -> None:
        time.sleep(0.01)

    def on_validation_batch_start(self, trainer: Trainer, *args: Any) -> None:
        time.sleep(0.01)


def start(root: Path, kind: str) -> Fork:
    """Begin a run, or go on with it."""
    place = (f"--trainer.default_root_dir={root}", "--ckpt_path=auto")
    return Fork(PROJECT, ["fit", *COMMON, *KINDS[kind], *place], root.with_suffix(".log"))


def alone(root: Path, kind: str) -> float:
    """Leave a run alone; the seconds from the beginning of its training to its end."""
    fit = start(root, kind)
    assert fit.heard(), fit.log.read_text()
    seconds = fit.wait()
    assert fit.code == 0, fit.log.read_text()
    return seconds


def survive(folder: Path, kind: str, seconds: float, source: random.Random) -> Counter[str]:
    """Kill a run again and again until it comes to its end; how it ended, and how often."""
    ends: Counter[str] = Counter()
    root = folder / f"{kind}-{source.getrandbits(32):08x}"
    while True:
        fit, end = start(root, kind), source.choice(SIGNALS)
        if source.random() < 0.8:  # else while it starts
            fit.heard()
        time.sleep(source.uniform(0, 1) * seconds)
        fit.send(end)
        took = fit.wait()
        if fit.code == 0:
            break
        known = fit.code in (128 + end, -end) and took < SOON
        assert known, f"{end.name}: code {fit.code} after {took:.1f} s:\n{fit.log.read_text()}"
        ends[f"{end.name} {fit.code}"] += 1
    compare(root, folder / kind)
    return ends


def compare(ours: Path, theirs: Path) -> None:
    """See that two folders hold the same run."""
    for name in ("last.ckpt", "best.ckpt"):
        mine, other = (checkpoint.read(root / name) for root in (ours, theirs))
        for key in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step"):
            assert same(mine[key], other[key]), f"{ours / name}: {key} differs from {theirs / name}"
        assert same(*map(counters, (mine, other))), (
            f"{ours / name}: the loop's counters differ from {theirs / name}"
        )
    tables = [rows(root / "metrics.csv") for root in (ours, theirs)]
    assert tables[0] == tables[1], f"{ours / 'metrics.csv'} differs from {theirs / 'metrics.csv'}"
    assert same(*map(numbers, (ours, theirs))), f"{ours / 'metrics.json'} differs from {theirs}"
    names = [{path.name for path in root.iterdir()} for root in (ours, theirs)]
    left = sorted(name for name in names[0] - names[1] if not name.startswith("events."))
    assert not left, f"{ours}: {', '.join(left)} is left over"


def counters(content: dict[str, Any]) -> dict[str, Any]:
    """Those of the loops; the end of an epoch's data is the beginning of the next one's."""
    loops = dict(content["loops"]["fit_loop"])
    (place,) = loops.pop("state_dict")["combined_loader"]
    return {**loops, "batches": BATCHES * place["epoch"] + place["step"]}


def same(ours: Any, theirs: Any) -> bool:
    """Whether two trees of tensors and plain values are equal, bit by bit."""
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return torch.equal(ours, theirs) if isinstance(ours, torch.Tensor) else ours == theirs


def rows(path: Path) -> list[dict[str, str]]:
    """A table without what depends on the clock."""
    with path.open(newline="") as file:
        listed = list(csv.DictReader(file))
    return [{key: value for key, value in row.items() if key not in TIMES} for row in listed]


def numbers(root: Path) -> dict[str, float]:
    """What a run says at its end, without what it cost."""
    found = json.loads((root / "metrics.json").read_text())
    return {name: value for name, value in found.items() if name not in ("run", *TIMES)}


def main(kills: int, seed: int, kinds: list[str]) -> None:
    """Kill so many times, and say how the runs ended."""
    lightning.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    torch.set_num_threads(1)
    source, ends = random.Random(seed), Counter[str]()
    folder = Path(tempfile.mkdtemp(prefix="kills-"))  # is left where something differs
    seconds = {kind: alone(folder / kind, kind) for kind in kinds}
    while ends.total() < kills:
        kind = source.choice(kinds)
        ends += survive(folder, kind, seconds[kind], source)
    shutil.rmtree(folder)
    sys.stdout.write(f"{ends.total()} kills, nothing lost: {dict(sorted(ends.items()))}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=KINDS, action="append")
    given = parser.parse_args()
    imported = import_module("kills")  # as the fits do
    imported.main(given.kills, given.seed, given.kind or list(KINDS))
