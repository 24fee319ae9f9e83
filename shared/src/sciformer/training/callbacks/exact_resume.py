"""Exact resume between two optimizer steps, and hooks after each step.

Lightning's hooks are called before a batch is logged or during a validation. A run resumed from a
checkpoint saved there would lack this log entry, or the validation.
"""

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from sciformer.training.lightning_private import (
    allow_validation,
    count_batch,
    end_restart,
    restart_validation,
    validation_is_due,
    wrap_batch_end,
)
from sciformer.training.table import MetricsTable

STEP, VALIDATION = "step", "validation"


class AfterSteps(Callback):
    """Callback with hooks after each optimizer step (one or several batches)."""

    steps = 0
    whole = True  # no gradients are half accumulated
    loop: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.loop is trainer.fit_loop.epoch_loop:
            return
        self.loop = trainer.fit_loop.epoch_loop

        def wrapper(end: Callable[[], None]) -> None:
            end()
            if self.whole:
                self.on_step_done(trainer)

        wrap_batch_end(trainer, wrapper)

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
        """Called after the weights have changed."""

    def on_step_done(self, trainer: Trainer) -> None:
        """Called after the step is logged and validated."""


class ExactResume(Callback):
    """Resume a run between two steps, or at the start of a pending validation.

    The last logged metrics are restored for callbacks that read them at the end of an epoch. Must
    come before callbacks that save, as it stores the position of the run in the checkpoint.

    Args:
        prolongs: Whether to resume a training that stopped early by itself.
    """

    def __init__(self, prolongs: bool = True) -> None:
        self.prolongs = prolongs
        self.moment = ""
        self.rows = 0  # logged before the validation
        self.again = False  # a step that is done is about to be ended once more
        self.stopped = False  # the training had ended by itself
        self.prolonged = False
        self.loaded: dict[str, Any] = {}

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        metrics = {name: value.item() for name, value in trainer.callback_metrics.items()}
        state = {"moment": self.moment, "rows": self.rows, "metrics": metrics}
        state["stopped"] = trainer.should_stop
        checkpoint["callbacks"][self.state_key] = state

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self.loaded = {**_saved(checkpoint), "step": checkpoint["global_step"]}
        if trainer.optimizers:  # else what is set up afterwards has to come first
            self._go_on(trainer)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._go_on(trainer)

    def _go_on(self, trainer: Trainer) -> None:
        loaded, self.loaded = self.loaded, {}
        self.moment, self.rows = loaded.get("moment", ""), loaded.get("rows", 0)
        for name, value in loaded.get("metrics", {}).items():
            trainer.callback_metrics[name] = torch.tensor(value)
        self.stopped = loaded.get("stopped", False) and not self.prolongs
        # After the last step Lightning would not begin a training, and so no validation.
        self.prolonged = self.moment == VALIDATION and loaded["step"] == trainer.max_steps
        trainer.fit_loop.epoch_loop.max_steps += self.prolonged

    def _shorten(self, trainer: Trainer) -> None:
        trainer.fit_loop.epoch_loop.max_steps -= self.prolonged
        self.prolonged = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        end_restart(trainer)
        epoch: Any = trainer.fit_loop.epoch_progress.current
        if epoch.ready == epoch.processed:  # it has ended; where max_steps is given it would again
            trainer.fit_loop.epoch_loop.restarting = False
        validates = validation_is_due(trainer)
        self.again = validates and self.moment == STEP
        if validates and self.moment == VALIDATION:
            restart_validation(trainer)
        elif self.moment == VALIDATION:  # the run goes on with other settings
            count_batch(trainer)
            self._shorten(trainer)
        trainer.should_stop |= self.stopped and self.moment != VALIDATION
        self.moment = ""

        def wrapper(end: Callable[[], None]) -> None:
            if self.again:
                self.again = False
                allow_validation(trainer)
            else:
                end()
            self.moment = STEP

        wrap_batch_end(trainer, wrapper)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.moment = ""

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._shorten(trainer)
            self.moment, self.rows = VALIDATION, _logged(trainer)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.moment = ""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.moment = ""


def owes_validation(checkpoint: dict[str, Any]) -> int | None:
    """Number of rows logged before a pending validation, with which a resumed run starts.

    Args:
        checkpoint: Content of the checkpoint to resume from.

    Returns:
        Number of rows; None if no validation is pending.
    """
    saved = _saved(checkpoint)
    return saved["rows"] if saved.get("moment") == VALIDATION else None


def _saved(checkpoint: dict[str, Any]) -> dict[str, Any]:
    return checkpoint.get("callbacks", {}).get(ExactResume.__qualname__, {})


def _logged(trainer: Trainer) -> int:
    """Number of rows logged by this process; 0 except on rank 0."""
    tables = [logger for logger in trainer.loggers if isinstance(logger, MetricsTable)]
    return sum(len(table.experiment) for table in tables if trainer.is_global_zero)
