"""Base of the projects' LightningModules: what all of them log, save and share out alike."""

import shlex
import sys
from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule
from torch import Tensor, nn

from sciformer.training.callbacks.run_record import RunRecord
from sciformer.training.callbacks.update_log import due
from sciformer.training.checkpoints.checkpoint import stamp
from sciformer.training.distributed.strategies import shard
from sciformer.training.lightning_private import trainer_of


class Module(LightningModule):
    """A LightningModule whose checkpoints every verb opens, whatever trainer wrote them.

    A subclass says which metric decides (``monitor``), holds its network as ``model``, and calls
    ``save_hyperparameters(logger=False)``.
    """

    monitor: tuple[str, str]  # the metric that decides, and whether its "min" or "max" is best
    model: Any

    @property
    def sharded(self) -> nn.Module:
        """What FSDP shares out over the ranks."""
        return self.model

    @property
    def data(self) -> Any:
        """The data module that the trainer runs on."""
        return self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]

    def check(self, data: Any) -> None:
        """See that a fit can begin on some data, before it writes anything.

        Args:
            data: Of the training.

        Raises:
            ValueError: If it cannot.
        """

    def log_losses(self, losses: Mapping[str, Tensor]) -> None:
        """Log a training step's losses as ``train/<name>``, every ``trainer.log_every_n_steps``.

        Args:
            losses: By name; ``loss`` is the one that the progress bar shows.
        """
        if not due(self.trainer):
            return
        for name, value in losses.items():
            self.log(f"train/{name}", value, prog_bar=name == "loss", sync_dist=True)

    def configure_model(self) -> None:
        shard(self, self.sharded)

    def configure_callbacks(self) -> list[Callback]:
        """Measure a run that the command line did not start."""
        return [] if self._record() else [RunRecord({"command": shlex.join(sys.argv)})]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        record = self._record()
        stamp(checkpoint, self, record.record() if record else {})

    def _record(self) -> RunRecord | None:
        trainer: Any = trainer_of(self)  # none after ddp_spawn
        callbacks = trainer.callbacks if trainer else []
        return next((each for each in callbacks if isinstance(each, RunRecord)), None)
