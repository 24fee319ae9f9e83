"""Kill fits at random moments, have them go on, and compare them with those that were left alone.

    python tests/core/training/kills.py [--kills 40] [--seed 0]

Each kind of run is first left alone. Then it is started in another folder with ``--ckpt_path auto``
and told to end, by a signal that is drawn at a moment that is drawn, again and again until it has
come to its end. Weights, optimizer, schedule, counters and every row of ``metrics.csv`` must be
the very same. A fit is a fork of this process, which has imported everything. Exits with 1 for
the first difference.
"""

import argparse
import csv
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Callback, Trainer
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from minimal import MinimalData, MinimalModule

from sciformer import files
from sciformer.cli import Project, run
from sciformer.data.loading import SeededLoader
from sciformer.training import checkpoint, lightning_cli

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
SOON = 5.0  # seconds in which a run that is told to end has ended
TIMES = ("train/samples_per_s", "train/peak_memory_gib")  # columns that no two runs share
PROJECT = Project("kills", "Be killed.", "kills:Noisy", "kills:Longer")
COMMON = (
    *("--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false", "--threads=1"),
    *("--trainer.log_every_n_steps=1", "--data.samples=40", "--trainer.callbacks+=kills.Dawdle"),
)
HEARD, BEGUN = os.pipe()  # by which a fit says that it has begun
os.set_blocking(HEARD, False)
KINDS = {  # name -> options; five batches are an epoch
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
    """Take time for each batch, so that signals come in the middle of something."""

    def on_fit_start(self, trainer: Trainer, *args: Any) -> None:
        os.write(BEGUN, b"!")

    def on_train_batch_start(self, trainer: Trainer, *args: Any) -> None:
        time.sleep(0.01)

    def on_validation_batch_start(self, trainer: Trainer, *args: Any) -> None:
        time.sleep(0.01)


class Fit(NamedTuple):
    """What came of one process: its exit code, and seconds from its begin and from the signal."""

    code: int
    seconds: float
    after: float


def fit(root: Path, kind: str, end: signal.Signals | None = None, delay: float = 60.0) -> Fit:
    """Fit in a fork of this process, and send it a signal some seconds after the fit has begun."""
    with suppress(BlockingIOError):  # of one that was ended first
        os.read(HEARD, 1)
    child = os.fork()
    if not child:
        os._exit(_fit(root, kind))
    start = time.monotonic()
    if delay > 0:
        while not select.select([HEARD], [], [], 0.01)[0]:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:  # there was nothing left to do
                return Fit(os.waitstatus_to_exitcode(status), 0.0, 0.0)
        os.read(HEARD, 1)
        start = time.monotonic()
    told = 0.0
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        now = time.monotonic()
        if done:
            code = os.waitstatus_to_exitcode(status)
            return Fit(code, now - start, now - told if told else 0.0)
        if end is not None and not told and now - start > abs(delay):
            os.kill(child, end)
            told = now
        time.sleep(0.001)


def _fit(root: Path, kind: str) -> int:
    root.parent.mkdir(parents=True, exist_ok=True)
    said = os.open(f"{root}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(said, stream)
    slow = files._sync
    files._sync = lambda path: (time.sleep(0.01), slow(path))  # as disks are
    sys.argv = ["kills"]
    place = (f"--trainer.default_root_dir={root}", "--ckpt_path=auto")
    try:
        run(PROJECT, ["fit", *COMMON, *KINDS[kind], *place])
    except SystemExit as ended:
        sys.stderr.flush()
        return ended.code if isinstance(ended.code, int) else 1
    return 0


class Fault(Exception):
    """What should be the same is not."""


def differ(ours: Path, theirs: Path) -> None:
    """Raise a ``Fault`` for the first thing in which the runs of two folders differ."""
    for name in ("last.ckpt", "best.ckpt"):
        mine, other = (checkpoint.read(root / name) for root in (ours, theirs))
        for key in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step"):
            if not same(mine[key], other[key]):
                raise Fault(f"{ours / name}: {key} differs from {theirs / name}")
        if mine["loops"]["fit_loop"] != other["loops"]["fit_loop"]:
            raise Fault(f"{ours / name}: the loop's counters differ from {theirs / name}")
    tables = [rows(root / "metrics.csv") for root in (ours, theirs)]
    if tables[0] != tables[1]:
        raise Fault(f"{ours / 'metrics.csv'} differs from {theirs / 'metrics.csv'}")
    left = {path.name for path in ours.iterdir()} - {path.name for path in theirs.iterdir()}
    if left := {name for name in left if not name.startswith("events.")}:
        raise Fault(f"{ours}: {', '.join(sorted(left))} is left over")


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
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def survive(folder: Path, kind: str, alone: Fit, source: random.Random) -> Counter[str]:
    """Kill one run again and again until it comes to its end; how it ended, and how often."""
    ends: Counter[str] = Counter()
    root = folder / f"{kind}-{source.getrandbits(32):08x}"
    while True:
        end = source.choice(SIGNALS)
        delay = source.uniform(-0.2, 1.0) * alone.seconds  # below zero: while it starts
        done = fit(root, kind, end, delay)
        if done.code == 0:
            break
        if done.code not in (128 + end, -end) or done.after > SOON:
            raise Fault(f"{root}.log: {end.name}: code {done.code} after {done.after:.1f} s")
        ends[f"{end.name} {done.code}"] += 1
    differ(root, folder / kind)
    return ends


def main(kills: int, seed: int) -> int:
    """Kill so many times; the exit code."""
    lightning_cli.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    torch.set_num_threads(1)
    source, ends = random.Random(seed), Counter[str]()
    folder = Path(tempfile.mkdtemp(prefix="kills-"))  # is left, to be looked at
    try:
        alone = {kind: fit(folder / kind, kind) for kind in KINDS}
        while ends.total() < kills:
            kind = source.choice(list(KINDS))
            ends += survive(folder, kind, alone[kind], source)
    except Fault as fault:
        print(fault)
        return 1
    shutil.rmtree(folder)
    print(f"{ends.total()} kills, nothing lost: {dict(sorted(ends.items()))}")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sys.exit(import_module("kills").main(given.kills, given.seed))  # as the fits import it
