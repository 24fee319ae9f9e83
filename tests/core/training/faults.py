"""Callbacks that do harm at a chosen step of the minimal project, and one that keeps a diary."""

import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from forks import announce
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.distributed.tensor import DTensor


class Fault(Callback):
    """What goes wrong at a step of one rank."""

    def __init__(self, step: int, rank: int) -> None:
        self.step, self.rank = step, rank

    def due(self, trainer: Trainer) -> bool:
        return (trainer.global_step, trainer.global_rank) == (self.step, self.rank)


class Spoil(Fault):
    """Put a NaN into the batch of one rank."""

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self.due(trainer):
            batch.x[1, 2] = torch.nan


class SpoilGradient(Fault):
    """Put a NaN into one gradient of one rank, though the loss is finite."""

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.due(trainer):
            grad = pl_module.get_parameter("model.block.mlp.up.weight").grad
            assert grad is not None
            local = grad.to_local() if isinstance(grad, DTensor) else grad
            local[0, 0] = torch.nan


class LimitFiles(Callback):
    """Let no file grow beyond a size from some step on, as on a disk that has become full.

    Args:
        step: From when on.
        size: In bytes.
    """

    def __init__(self, step: int, size: int) -> None:
        self.step, self.size = step, size

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.size))


class Fill(Callback):
    """Fill a disk at some step, to the last byte.

    Args:
        step: When.
        path: Of the file that takes all room.
    """

    def __init__(self, step: int, path: str) -> None:
        self.step, self.path = step, Path(path)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self.step:
            with suppress(OSError), self.path.open("wb", buffering=0) as file:
                while file.write(bytes(512)):
                    pass


class Linger(Callback):
    """Announce that some moment has come, on stdout as well, and stay in it for half a minute.

    Args:
        hook: Name of the moment.
    """

    def __init__(self, hook: str) -> None:
        setattr(self, hook, self._linger)

    def _linger(self, *args: Any, **named: Any) -> None:
        sys.stdout.write("now\n")
        sys.stdout.flush()
        announce()
        for _ in range(300):  # Python may miss a signal that comes just before it begins to sleep
            time.sleep(0.1)


class Diary(Callback):
    """Write down which samples each rank has trained on, step by step.

    Args:
        path: Of the file, to which all ranks append.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        numbers = trainer.train_dataloader.order.handed_over()
        words = map(str, (trainer.current_epoch, trainer.global_step, *numbers))
        with self.path.open("a") as file:
            file.write(" ".join(words) + "\n")
