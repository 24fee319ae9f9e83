"""Stop after a CPU-time budget; anneal the learning rate over it."""

import math
import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from sciformer.arguments import ArgumentError, check_positive
from sciformer.training.callbacks.exact_resume import AfterSteps
from sciformer.training.distributed.agreement import Agreement

KEPT = ("used", "best", "waited", "plateau")  # in a checkpoint


class CpuBudget(AfterSteps):
    """Stop training after some CPU-seconds, with a learning rate that decays to 0.

    Counts the CPU time of this process, with data loading, without validation. The scheduled
    learning rate is multiplied by a half cosine from 1 to 0 over the last part of the budget. A
    resumed training continues to count.

    Args:
        seconds: CPU time in seconds; None only counts.
        cooldown: Fraction of the budget, at its end, in which the learning rate decays.
        patience: Number of validations without improvement of ``monitor`` after which the decay
            starts early, with the same fraction of a shorter training; None waits for the end of
            the budget.
        monitor: Metric to monitor; smaller is better.

    Raises:
        ValueError: For a number out of range.
    """

    def __init__(
        self,
        seconds: float | None = None,
        cooldown: float = 1.0,
        patience: int | None = None,
        monitor: str = "val/loss",
    ) -> None:
        check_positive(seconds=seconds)
        if not 0 < cooldown <= 1:
            raise ArgumentError("cooldown", f"{cooldown} is not above 0 and at most 1")
        if patience is not None and (patience < 1 or cooldown == 1):
            reason = f"{patience} is less than 1, or cooldown {cooldown} is all"
            raise ArgumentError("patience", reason)
        self.seconds = math.inf if seconds is None else seconds
        self.cooldown, self.patience, self.monitor = cooldown, patience, monitor
        self.used, self.since = 0.0, 0.0
        self.best, self.waited = math.inf, 0
        self.plateau: float | None = None  # seconds after which validation improved no more

    @property
    def end(self) -> float:
        """Seconds at which the training ends."""
        early = math.inf if self.plateau is None else self.plateau / (1 - self.cooldown)
        return min(self.seconds, early)

    @property
    def factor(self) -> float:
        """Present factor of the learning rate."""
        left = (self.end - self.used) / (self.cooldown * self.end) if self.end < math.inf else 1.0
        return 0.5 * (1 - math.cos(math.pi * min(1.0, max(0.0, left))))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.lr_scheduler_configs:
            raise ValueError("CpuBudget: the module has no schedule of its learning rate")
        self.agreement = Agreement()
        self.since = time.process_time()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        super().on_train_batch_start(trainer, pl_module, batch, batch_idx)
        if (factor := self.factor) < 1:
            for optimizer in trainer.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] *= factor

    def on_step_end(self, trainer: Trainer) -> None:
        self._count()
        if self.seconds < math.inf:
            # The ranks have one rate and one end, those of the slowest.
            self.used = self.agreement.largest(round(1e6 * self.used)) / 1e6
        trainer.should_stop |= self.used >= self.end

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._count()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.since = time.process_time()
        if self.patience is None or self.plateau is not None or trainer.sanity_checking:
            return
        if self.monitor not in trainer.callback_metrics:
            known = ", ".join(trainer.callback_metrics)
            raise ArgumentError("CpuBudget.monitor", f"{self.monitor!r} is none of {known}")
        value = trainer.callback_metrics[self.monitor].item()
        better = value < self.best
        self.best, self.waited = min(self.best, value), 0 if better else self.waited + 1
        if self.waited >= self.patience:
            self.plateau = self.used

    def _count(self) -> None:
        now = time.process_time()
        self.used, self.since = self.used + now - self.since, now

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in KEPT}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name in KEPT:
            setattr(self, name, state_dict[name])
