"""Checkpointing and graceful shutdown on SIGINT, SIGTERM and the signals of SLURM."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from sciformer.training.callbacks.exact_resume import AfterSteps
from sciformer.training.distributed.agreement import Agreement
from sciformer.training.lightning_private import cluster_environment

# Schedulers send the last two before they kill; Windows has neither.
ALL = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")
SIGNALS = [getattr(signal, name) for name in ALL if hasattr(signal, name)]
ONCE = 1.0  # seconds in which a second signal is the first one, that came by two ways


class GracefulStop(AfterSteps):
    """Save a checkpoint and stop after the current step when a signal arrives.

    Validation stops immediately, as ``KeepLast`` has saved the state before it; so do loops that
    save nothing: sanity check, test, prediction. A second signal ends the process immediately. The
    exit code is 128 plus the signal number. A signal after the last step is ignored, as the run is
    about to end. SLURM's time limit signal requeues the job, if Lightning's SLURM environment is
    configured to do so.

    Args:
        path: Path of the checkpoint.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.received = 0
        self.at = 0.0
        self.at_once = True  # nothing would be lost

    def _listen(self, trainer: Trainer) -> None:
        """Install signal handlers; the trainer restores the earlier ones at the end."""
        self.trainer, self.owner = trainer, os.getpid()
        for number in SIGNALS:
            if number in SIGNALS[:2] or number == _requeues(trainer) or _is_free(number):
                signal.signal(number, self._receive)

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._listen(trainer)

    on_test_start = on_predict_start = on_sanity_check_start

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        self.agreement = Agreement()
        self.at_once = False
        self._listen(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._listen(trainer)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            if number := self.agreement.largest(self.received):  # before it was saved, perhaps
                sys.exit(128 + number)
            self.at_once = True
            self._end_at_once()  # it may have come since the ranks agreed

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.at_once = trainer.state.fn != TrainerFn.FITTING

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self.owner:  # a worker, which ends with this process
            return
        if self.received:
            if time.monotonic() - self.at > ONCE:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            return
        self.received, self.at = number, time.monotonic()
        launcher = self.trainer.strategy.launcher
        if launcher is not None:
            launcher.kill(signal.Signals(number))
        self._end_at_once()

    def _end_at_once(self) -> None:
        if self.received and self.at_once:
            sys.exit(128 + self.received)

    def on_validation_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        self._end_at_once()  # as Python drops what is raised while it cleans up

    on_test_batch_start = on_predict_batch_start = on_validation_batch_start

    def on_step_done(self, trainer: Trainer) -> None:
        if number := self.agreement.largest(self.received):  # all stop after the same step
            trainer.save_checkpoint(self.path)
            self.received = number
            sys.exit(128 + number)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        if not self.received or not isinstance(exception, SystemExit):
            return
        for logger in trainer.loggers:
            logger.save()
        if trainer.is_global_zero and trainer.state.fn == TrainerFn.FITTING:
            sys.stderr.write(f"\n{self._said(trainer.global_step)}\n")
            if self.received == _requeues(trainer):
                _requeue()

    def _said(self, step: int) -> str:
        if self.path.is_file():
            return f"stopped after step {step}; continue with --ckpt_path {self.path}"
        return f"stopped after step {step}; nothing was saved yet, and the run would begin anew"


@contextmanager
def interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt on Ctrl-C, where Lightning exits with code 1."""
    try:
        yield
    except SystemExit as ended:
        if isinstance(ended.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from ended
        raise


def queued_again(overwrite: bool) -> bool:
    """Whether SLURM has requeued this job, so that its run must be resumed.

    Args:
        overwrite: Whether ``--overwrite`` was given.

    Returns:
        True if it was requeued.

    Raises:
        ValueError: If it was, and ``overwrite`` would replace its earlier part.
    """
    again = os.environ.get("SLURM_RESTART_COUNT", "0") != "0"
    if again and overwrite:
        raise ValueError("--overwrite would replace what this job did before it was queued again")
    return again


def _is_free(number: int) -> bool:
    return signal.getsignal(number) == signal.SIG_DFL


def _requeues(trainer: Trainer) -> int | None:
    """Signal by which SLURM announces a requeue; None if it does not."""
    environment = cluster_environment(trainer)
    if isinstance(environment, SLURMEnvironment) and environment.auto_requeue:
        return environment.requeue_signal or signal.SIGUSR1
    return None


def _requeue() -> None:
    """Ask SLURM to requeue this job, or this task of a job array."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    alone = os.environ.get("SLURM_JOB_ID", "")
    job = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID')}" if array else alone
    try:
        code = subprocess.run(["scontrol", "requeue", job], check=False).returncode
    except OSError as error:
        sys.stderr.write(f"scontrol: {error.strerror}: job {job} is not queued again\n")
        return
    if code:
        sys.stderr.write(f"scontrol: code {code}: job {job} is not queued again\n")
