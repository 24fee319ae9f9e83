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
    whole = True  # no gradients are half accumulated

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.steps = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.whole = trainer.global_step != self.steps
        if self.whole:
            self.on_step_end(trainer)

    def on_step_end(self, trainer: Trainer) -> None:
        """The weights have changed."""
        raise NotImplementedError


class KeepLast(AfterSteps, Checkpoint):
    """Keep what a run can go on from in one file.

    Written every so many steps, at each validation and at the training's end; never with half
    accumulated gradients, which it could not hold: a validation among them has it written after
    the step. Lightning's own ``save_last`` writes it only where the monitored metric has improved.
    A ``Checkpoint``, so that it comes after the others and holds what they know.

    Args:
        path: Of the file.
        every: Optimizer steps between two savings; 0 saves at validations and the end alone.
    """

    def __init__(self, path: str | Path, every: int = 0) -> None:
        self.path = Path(path)
        self.every = every
        self.saved: int | None = None
        self.due = False
        self.unwritten = False  # rows of the loggers that belong before the checkpoint

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        super().on_train_batch_start(trainer, pl_module, batch, batch_idx)
        self._write_rows(trainer)  # only now does the last step have its row

    def on_step_end(self, trainer: Trainer) -> None:
        step = trainer.global_step
        # Lightning counts an epoch that max_steps cuts short as complete, before on_train_end
        last = step == trainer.max_steps
        if last or self.due or (self.every and step % self.every == 0):
            self.save(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking:
            return
        self.due = not self.whole
        if self.whole:
            self.save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.saved != trainer.global_step:
            self.save(trainer)
        self._write_rows(trainer)

    def save(self, trainer: Trainer) -> None:
        """Write the file, after what the loggers hold."""
        self.unwritten = True
        self._write_rows(trainer)
        trainer.save_checkpoint(self.path)
        self.saved, self.due, self.unwritten = trainer.global_step, False, True

    def _write_rows(self, trainer: Trainer) -> None:
        if self.unwritten:
            for logger in trainer.loggers:
                logger.save()
        self.unwritten = False


class GracefulStop(AfterSteps):
    """Save a checkpoint and end after the step in which Ctrl-C or SIGTERM arrives.

    A second signal ends the process at once. Exit code: 128 plus the signal's number. A signal
    after the last step changes nothing: the run is about to end by itself.

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
        for each in self.handlers:
            signal.signal(each, signal.SIG_DFL)

    def _restore(self) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.handlers = {}

    def on_step_end(self, trainer: Trainer) -> None:
        number = self.agreement.largest(self.received)  # all stop after the same step
        if number:
            connector = trainer._logger_connector  # which would write the step's row after this
            connector.on_batch_end()
            connector.update_train_step_metrics()
            trainer.save_checkpoint(self.path)
            for logger in trainer.loggers:
                logger.save()
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
