"""Callbacks, loggers and plugins added to the user's in every run."""

import sys
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger

from sciformer.cli.checks import passes
from sciformer.progress import quiet
from sciformer.training.callbacks.exact_resume import ExactResume
from sciformer.training.callbacks.nonfinite import StopOnNonFiniteLoss
from sciformer.training.callbacks.run_record import FoundRate, NoProfiler, RunRecord, StepSeed
from sciformer.training.callbacks.same_files import SameFiles
from sciformer.training.callbacks.stopping import GracefulStop
from sciformer.training.checkpoints.lightning_io import CheckpointFiles
from sciformer.training.precision import best_precision
from sciformer.training.run_folder import LAST, NUMBERS, loggers, savers

Settings = dict[str, Any]


def parts(given: Namespace) -> Settings:
    """Trainer arguments set by every command.

    Args:
        given: Trainer options, with objects instantiated.

    Returns:
        Trainer arguments that differ.
    """
    found: Settings = {
        "precision": given.precision or best_precision(),
        "plugins": [*listed(given.plugins), CheckpointFiles()],
        "callbacks": listed(given.callbacks),
    }
    if given.max_epochs is None and given.max_steps == -1:
        found["max_epochs"] = passes(None)
    if not given.barebones:  # which takes no profiler at all
        found["profiler"] = given.profiler or NoProfiler()
    return found


def shows_bar(given: Namespace) -> bool:
    """Whether Lightning's progress bar is shown: on a terminal, or where the user asks for it."""
    if quiet() or given.enable_progress_bar is not None:
        return not quiet() and bool(given.enable_progress_bar)
    asked = any(isinstance(each, ProgressBar) for each in listed(given.callbacks))
    return asked or sys.stdout.isatty()


class FitParts:
    """Callbacks and loggers added to the user's in a fit.

    Args:
        given: Trainer options, with objects instantiated.
        model: Module whose ``monitor`` selects the best checkpoint.
        record: Settings and cost of the run.
        seed: Seed of the run.
        save_every: Optimizer steps between two writes of ``last.ckpt``.
    """

    def __init__(
        self, given: Namespace, model: Any, record: RunRecord, seed: int, save_every: int
    ) -> None:
        self.given, self.model, self.record = given, model, record
        self.seed, self.save_every = seed, save_every
        self.root = Path(given.default_root_dir)

    def callbacks(self) -> list[Callback]:
        """The user's callbacks and ours; those that write checkpoints come last."""
        given = listed(self.given.callbacks)
        found: list[Callback] = [
            *given,
            FoundRate(),
            ExactResume(prolongs=(self.root / NUMBERS).is_file()),
            self.record,
            StepSeed(self.seed),
            StopOnNonFiniteLoss(),
            GracefulStop(self.root / LAST),
            SameFiles(self.record.facts["settings"].get("data") or {}),
        ]
        if self.given.logger is not False:
            found.append(LogSettings(self.record.facts["settings"]))
        if self.given.enable_checkpointing is not False:
            found += savers(self.root, self.model.monitor, self.save_every)
        bars = [each for each in given if isinstance(each, ProgressBar)]
        if self.given.enable_progress_bar is not False and not bars:
            found.append(TQDMProgressBar(refresh_rate=20))
        return found

    def loggers(self, resumed: int | None) -> list[Any] | bool:
        """Our loggers and the user's; ``False`` if logging is disabled.

        Args:
            resumed: Optimizer step from which the run resumes.

        Returns:
            Loggers, or ``False``.
        """
        given = self.given.logger
        if given is False:
            return False
        return [*loggers(self.root, resumed), *([] if given is True else listed(given))]


class LogSettings(Callback):
    """Log the configuration to every logger, and the result to TensorBoard's HPARAMS.

    Args:
        settings: Configuration, in tables.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = dict(_flat("", settings))
        self.told = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for logger in trainer.loggers:
            logger.log_hyperparams(self.settings)

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        metric, _ = pl_module.monitor
        if self.told or metric not in trainer.callback_metrics:
            return
        self.told, value = True, trainer.callback_metrics[metric].item()
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.log_hyperparams(self.settings, {metric: value}, trainer.global_step)


def _flat(key: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        inner = (_flat(f"{key}.{name}" if key else str(name), item) for name, item in value.items())
        return [pair for pairs in inner for pair in pairs]
    return [(key, value if isinstance(value, (bool, int, float, str)) else str(value))]


def listed(value: Any) -> list[Any]:
    """Convert one value, several or none to a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
