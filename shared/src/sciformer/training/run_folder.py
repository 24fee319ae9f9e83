"""Files of a run folder: checkpoints, ``metrics.csv`` and TensorBoard logs."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from sciformer.training.callbacks.exact_resume import owes_validation
from sciformer.training.callbacks.saving import KeepLast
from sciformer.training.table import MetricsTable

LAST, BEST, CONFIG = "last.ckpt", "best.ckpt", "config.yaml"
METRICS, NUMBERS = "metrics.csv", "metrics.json"  # the second when a run is finished


def savers(root: Path, monitor: tuple[str, str], every: int) -> list[Callback]:
    """The callbacks that write a run's checkpoints.

    Args:
        root: The run's folder.
        monitor: The metric that decides, and whether ``min`` or ``max`` of it is best.
        every: Optimizer steps between two savings of the last one; 0: at validations alone.

    Returns:
        One that keeps the best, and one that keeps the last.
    """
    metric, mode = monitor
    best = KeepBest(
        root,
        BEST.removesuffix(".ckpt"),
        monitor=metric,
        mode=mode,
        save_on_train_epoch_end=False,  # but when it is validated, before KeepLast
        enable_version_counter=False,
    )
    return [best, KeepLast(root / LAST, every)]


class KeepBest(ModelCheckpoint):
    """Lightning's, under a name of its own, so that the user's may watch the same metric."""

    @property
    def state_key(self) -> str:
        return "KeepBest"


def loggers(root: Path, resumed: int | None) -> list[Logger]:
    """The loggers of a run.

    Args:
        root: The run's folder.
        resumed: The step that is gone on from; TensorBoard then shows nothing older beyond it.

    Returns:
        TensorBoard's and the one of ``metrics.csv``.
    """
    events = Events(root, name="", version="", default_hp_metric=False, purge_step=resumed or 0)
    return [events, MetricsTable(root)]


class Events(TensorBoardLogger):
    """TensorBoard's logger, which a signal may come upon while it closes its file."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the file.

        Args:
            status: ``failed`` where an exception is under way already, which no other may hide.
        """
        with suppress(*([OSError] if status == "failed" else [])):
            super().finalize(status)


@rank_zero_only
def keep_logged(tables: list[Logger], checkpoint: dict[str, Any]) -> None:
    """Let the table of a run that goes on in its own folder begin with what it logged before.

    Args:
        tables: The run's loggers.
        checkpoint: What the run goes on from; rows that came after it are dropped.
    """
    for table in tables:
        if isinstance(table, MetricsTable):
            table.experiment.keep(checkpoint["global_step"], owes_validation(checkpoint))
