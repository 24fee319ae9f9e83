"""Record of a run (time, memory, versions), random seeds of its steps, and its speed."""

import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateFinder
from lightning.pytorch.profilers import PassThroughProfiler

from sciformer.text import hide_secrets

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None

NOTHING = nullcontext()


def peak_gib() -> float:
    """Peak memory so far, in GiB: of the accelerator if there is one, else resident memory.

    0 on Windows, where Python does not say it.
    """
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    if resource is None:
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, else KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def versions(*dists: str) -> dict[str, str]:
    """Versions of the given packages, without those that are not installed."""
    found = {}
    for dist in dists:
        with suppress(PackageNotFoundError):
            found[dist] = version(dist)
    return found


class RunRecord(Callback):
    """Record the settings, time and memory of a training; log its speed.

    A resumed run continues to count.

    Args:
        facts: Facts known before the run: command, configuration, seed, versions.
        every: Steps between two log entries of samples per second and peak memory.
    """

    def __init__(self, facts: Mapping[str, Any], every: int = 50) -> None:
        self.facts = hide_secrets(facts)
        self.every = every
        self.ranks = 1
        self.samples = 0
        self.before = {"cpu_s": 0.0, "wall_s": 0.0}
        self.start = (time.process_time(), time.perf_counter())
        self.since = time.perf_counter()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.ranks = trainer.world_size
        self.start = (time.process_time(), time.perf_counter())

    def record(self) -> dict[str, Any]:
        """The facts, with CPU-seconds, seconds and peak GiB of this process's training so far."""
        cpu_s = self.before["cpu_s"] + time.process_time() - self.start[0]
        wall_s = self.before["wall_s"] + time.perf_counter() - self.start[1]
        cost = {"cpu_s": cpu_s, "wall_s": wall_s, "peak_gib": peak_gib(), "ranks": self.ranks}
        return {**self.facts, **cost}

    def state_dict(self) -> dict[str, Any]:
        record = self.record()
        return {"cpu_s": record["cpu_s"], "wall_s": record["wall_s"]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.before = dict(state_dict)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.samples, self.since = 0, time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.samples += len(batch[0]) * trainer.world_size
        if (batch_idx + 1) % self.every == 0:
            elapsed = time.perf_counter() - self.since
            figures = {
                "train/samples_per_s": self.samples / elapsed,
                "train/peak_memory_gib": peak_gib(),
            }
            pl_module.log_dict(figures)
            self.on_train_start(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.on_train_start(trainer, pl_module)  # its time is not the training's


class StepSeed(Callback):
    """Make random draws of a training step (for example dropout) a function of (seed, rank, step).

    A resumed run then has the same random draws as an uninterrupted one.

    Args:
        seed: Seed of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        key = (self.seed, trainer.global_rank, trainer.current_epoch, batch_idx)
        seed = int(np.random.SeedSequence(key).generate_state(1)[0])
        torch.default_generator.manual_seed(seed)  # torch.manual_seed takes 0.3 ms for its backends
        if pl_module.device.type == "cuda":
            torch.cuda.manual_seed(seed)


class FoundRate(Callback):
    """Start optimizer and schedule with the result of Lightning's learning rate finder.

    Lightning sets only the optimizer's rate, which the schedule overwrites at its first step.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        callbacks = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
        if any(isinstance(each, LearningRateFinder) for each in callbacks):
            trainer.strategy.setup_optimizers(trainer)


class NoProfiler(PassThroughProfiler):
    """A profiler that does nothing; Lightning's uses some hundred context managers a step."""

    def profile(  # pyright: ignore[reportIncompatibleMethodOverride]  # not a generator's
        self, action_name: str
    ) -> nullcontext[None]:
        return NOTHING
