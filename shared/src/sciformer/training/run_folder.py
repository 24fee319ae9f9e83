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
    """Callbacks that write a run's checkpoints.

    Args:
        root: Run folder.
        monitor: Metric that selects the best checkpoint, and whether its ``min`` or ``max`` is
            best.
        every: Optimizer steps between two writes of ``last.ckpt``; 0 writes it at validations and
            the end only.

    Returns:
        Callbacks for the best and for the last checkpoint.
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
    """Lightning's ModelCheckpoint under another name, so that users can monitor the same metric."""

    @property
    def state_key(self) -> str:
        return "KeepBest"


def loggers(root: Path, resumed: int | None) -> list[Logger]:
    """Loggers of a run.

    Args:
        root: Run folder.
        resumed: Optimizer step from which the run resumes; TensorBoard hides older entries beyond
            it.

    Returns:
        Loggers for TensorBoard and ``metrics.csv``.
    """
    events = Events(root, name="", version="", default_hp_metric=False, purge_step=resumed or 0)
    return [events, MetricsTable(root)]


class Events(TensorBoardLogger):
    """TensorBoard logger that tolerates a signal while it closes its file."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the file.

        Args:
            status: ``failed`` during an exception, which must not be replaced by another one.
        """
        with suppress(*([OSError] if status == "failed" else [])):
            super().finalize(status)


@rank_zero_only
def keep_logged(tables: list[Logger], checkpoint: dict[str, Any]) -> None:
    """Keep the logged rows of a run that resumes in its own folder.

    Args:
        tables: Loggers of the run.
        checkpoint: Checkpoint from which the run resumes; later rows are dropped.
    """
    for table in tables:
        if isinstance(table, MetricsTable):
            table.experiment.keep(checkpoint["global_step"], owes_validation(checkpoint))
