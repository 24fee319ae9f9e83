"""Wrappers of all private names of Lightning that we use.

New versions of Lightning may rename them: ``tests/core/training/test_lightning_private.py`` tests
each one, and no other file uses any.
"""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from lightning.fabric.plugins import ClusterEnvironment
from lightning.fabric.strategies.launchers.subprocess_script import _ChildProcessObserver
from lightning.fabric.utilities.distributed import _set_num_threads_if_needed
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateFinder
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.strategies import ModelParallelStrategy
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

GRACE = 30  # seconds in which a rank that has lost another one can say so and end
Writer = TypeVar("Writer", bound=ExperimentWriter)


class Launcher(_SubprocessScriptLauncher):
    """Starts the ranks of a node; if one ends, the others get time to stop by themselves.

    Lightning kills them within five seconds, often before they have reported an error.
    """

    def launch(self, function: Callable, *args: Any, trainer: Any = None, **options: Any) -> Any:
        self.cluster_environment.validate_settings(self.num_processes, self.num_nodes)
        if not self.cluster_environment.creates_processes_externally:
            self._call_children_scripts()
            _Observer(os.getpid(), self.procs).start()
        _set_num_threads_if_needed(self.num_processes)
        return function(*args, **options)


class _Observer(_ChildProcessObserver):
    def _terminate_all(self) -> None:
        time.sleep(GRACE)
        super()._terminate_all()


class Launched:
    """Base of the strategies whose ranks are started by :class:`Launcher`."""

    def _configure_launcher(self: Any) -> None:
        assert self.cluster_environment is not None
        self._launcher = Launcher(self.cluster_environment, self.num_processes, self.num_nodes)


def shard_over_all_ranks(strategy: ModelParallelStrategy) -> None:
    """Shard parameters over all ranks; Lightning's ``auto`` is one shard per node."""
    strategy._data_parallel_size = strategy.num_processes * strategy.num_nodes


def cluster_environment(trainer: Trainer) -> ClusterEnvironment:
    """Cluster environment of a trainer, also for a single device, where Lightning has none."""
    return trainer._accelerator_connector.cluster_environment


def resume_only_as_told(trainer: Trainer) -> None:
    """Resume only from the given ``ckpt_path``.

    Lightning would also use files of OnExceptionCheckpoint or SLURM without being asked.
    """
    trainer._checkpoint_connector._parse_ckpt_path = _given_path


def _given_path(
    state_fn: Any, ckpt_path: Any, model_provided: bool, model_connected: bool
) -> str | None:
    return ckpt_path


def trainer_of(module: LightningModule) -> Any:
    """Trainer of a module, or ``None`` if it has none (``module.trainer`` raises an error)."""
    return module._trainer


def rate_arguments(finder: LearningRateFinder) -> list[str]:
    """Module arguments that a finder may set: the first existing one; empty if it sets none.

    Args:
        finder: Lightning's callback.

    Returns:
        Names of the arguments.
    """
    if not finder._update_attr:
        return []
    return [finder._attr_name] if finder._attr_name else ["lr", "learning_rate"]


def batches_stepped(trainer: Trainer) -> int:
    """Number of batches after which the weights have changed; loggers use it as the step."""
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def count_batch(trainer: Trainer) -> None:
    """Increase :func:`batches_stepped` by one."""
    trainer.fit_loop.epoch_loop._batches_that_stepped += 1


def wrap_batch_end(trainer: Trainer, wrapper: Callable[[Callable[[], None]], None]) -> None:
    """Wrap the function that ends a training batch, with its validation and log.

    Args:
        trainer: Trainer, at the start of a training.
        wrapper: Called with the original function instead of it.
    """
    loop = trainer.fit_loop.epoch_loop
    end = loop.on_advance_end
    loop.on_advance_end = lambda data_fetcher: wrapper(partial(end, data_fetcher))


def validation_is_due(trainer: Trainer) -> bool:
    """Whether a validation follows the current training batch."""
    fetcher = trainer.fit_loop._data_fetcher
    assert fetcher is not None
    return trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher)


def restart_validation(trainer: Trainer) -> None:
    """Let a resumed fit repeat a whole validation, as if interrupted at its first batch."""
    validation = trainer.fit_loop.epoch_loop.val_loop
    validation.batch_progress.reset_on_run()
    validation._restart_stage = "restarted_mid_evaluation"


def allow_validation(trainer: Trainer) -> None:
    """Let a resumed fit run its next validation, which Lightning would skip."""
    trainer.fit_loop.epoch_loop._skip_next_val = False


def end_restart(trainer: Trainer) -> None:
    """Let a resumed epoch end like any other, as ReduceLROnPlateau needs."""
    trainer.fit_loop._restarting = False  # its setter would reset the inner loops too


class TableWriter(ExperimentWriter):
    """Lightning's writer of ``metrics.csv`` that never deletes files."""

    def _check_log_dir_exists(self) -> None:
        """Do nothing; Lightning would delete files here."""

    def add_columns(self) -> bool:
        """Add columns for new keys of the rows; returns whether there were any."""
        return bool(self._record_new_keys())


def writer_of(logger: CSVLogger, make: Callable[[str], Writer]) -> Writer:
    """Writer of a logger, created in its folder on first use.

    Args:
        logger: Logger that uses the writer.
        make: Function from folder to writer.

    Returns:
        The writer, always the same one.
    """
    if logger._experiment is None:
        logger._experiment = make(logger.log_dir)
    return logger._experiment  # pyright: ignore[reportReturnType]  # what was made
