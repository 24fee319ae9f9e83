"""When a run's last checkpoint is written, and how a run ends that is told to."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from sciformer.training.ranks import Agreement


class AfterSteps(Callback):
    """Calls a method of its own after each optimizer step, of which a batch may be only a part."""

    steps = 0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.steps = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step != self.steps:  # else gradients are half accumulated, and not saved
            self.on_step_end(trainer)

    def on_step_end(self, trainer: Trainer) -> None:
        """The weights have changed."""
        raise NotImplementedError


class KeepLast(AfterSteps, Checkpoint):
    """Keep what a run can go on from in one file.

    Written every so many steps, at each validation and at the training's end. Lightning's own
    ``save_last`` writes it only where the monitored metric has improved. A ``Checkpoint``, so that
    it comes after the others and holds what they know.

    Args:
        path: Of the file.
        every: Optimizer steps between two savings; 0 saves at validations and the end alone.
    """

    def __init__(self, path: str | Path, every: int = 0) -> None:
        self.path = Path(path)
        self.every = every
        self.saved: int | None = None

    def on_step_end(self, trainer: Trainer) -> None:
        step = trainer.global_step
        # Lightning counts an epoch that max_steps cuts short as complete, before on_train_end
        if step == trainer.max_steps or (self.every and step % self.every == 0):
            self.save(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self.save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.saved != trainer.global_step:
            self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Write the file, and what the loggers hold of the steps before it."""
        trainer.save_checkpoint(self.path)
        self.saved = trainer.global_step
        for logger in trainer.loggers:
            logger.save()


class GracefulStop(AfterSteps):
    """Save a checkpoint and end after the step in which Ctrl-C or SIGTERM arrives.

    A second signal ends the process at once. Exit code: 128 plus the signal's number.

    Args:
        path: Where to save.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.received = 0
        self.handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.agreement = Agreement()
        for number in (signal.SIGINT, signal.SIGTERM):
            self.handlers[number] = signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.handlers = {}

    def on_step_end(self, trainer: Trainer) -> None:
        number = self.agreement.largest(self.received)  # all stop after the same step
        if number:
            trainer.save_checkpoint(self.path)
            if trainer.is_global_zero:
                sys.stderr.write(
                    f"\nstopped after step {trainer.global_step}; "
                    f"continue with --ckpt_path {self.path}\n"
                )
            sys.exit(128 + number)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._restore()  # before the trainer restores what was there before its own

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self._restore()
