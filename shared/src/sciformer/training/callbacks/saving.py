"""Write ``last.ckpt``, from which a run is resumed."""

from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, StochasticWeightAveraging

from sciformer.training.callbacks.exact_resume import STEP, VALIDATION, AfterSteps, owes_validation

END = "end"  # beside the moments at which a run is saved


class KeepLast(AfterSteps, Checkpoint):
    """Write ``last.ckpt``, the checkpoint from which a run is resumed.

    Written every ``every`` steps, before each validation and at the end of training; never between
    the batches of an accumulated gradient, which a checkpoint cannot store: a validation there has
    it written after the step. Lightning's own ``save_last`` writes only when the monitored metric
    has improved, and after a validation, which is lost if it is interrupted. A ``Checkpoint``
    callback, so that it runs last and stores the state of the others.

    Args:
        path: Path of the checkpoint.
        every: Optimizer steps between two writes; 0 writes at validations and the end only.
    """

    def __init__(self, path: str | Path, every: int = 0) -> None:
        self.path = Path(path)
        self.every = every
        self.saved = (0, STEP)  # when, and at which moment
        self.due = False
        self.done = False  # the run has gone no further than the file

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if trainer.ckpt_path is not None and Path(trainer.ckpt_path) == self.path:
            moment = STEP if owes_validation(checkpoint) is None else VALIDATION
            self.saved, self.done = (checkpoint["global_step"], moment), True

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        super().on_train_batch_start(trainer, pl_module, batch, batch_idx)
        self.done = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.done = False

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking:
            return
        self.due = not self.whole
        if self.whole and self.saved != (trainer.global_step, VALIDATION):
            self._save(trainer, VALIDATION)

    def on_step_done(self, trainer: Trainer) -> None:
        step = trainer.global_step
        # Lightning counts an epoch that these cut short as complete, before on_train_end
        last = step == trainer.max_steps or trainer.should_stop
        wanted = self.due or (self.every and step % self.every == 0 and step != self.saved[0])
        if wanted or last:
            self._save(trainer, END if last else STEP)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        callbacks = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
        if not self.done and self.saved != (trainer.global_step, END):
            self._save(trainer, END)
        elif any(isinstance(each, StochasticWeightAveraging) for each in callbacks):
            self._take_average(trainer)

    def _take_average(self, trainer: Trainer) -> None:
        """Replace the weights in the file by the present, averaged ones."""
        if trainer.is_global_zero:
            saved = trainer.strategy.checkpoint_io.load_checkpoint(self.path)
            saved["state_dict"] = trainer.strategy.lightning_module_state_dict()
            trainer.strategy.checkpoint_io.save_checkpoint(saved, self.path)

    def _save(self, trainer: Trainer, moment: str) -> None:
        """Write the checkpoint, after flushing the loggers."""
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self.path)
        self.saved, self.due = (trainer.global_step, moment), False
