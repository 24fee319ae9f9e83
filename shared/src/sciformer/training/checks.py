"""What Lightning would notice only after a run has begun to write."""

import sys
import warnings
from typing import Protocol, runtime_checkable

from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule

from sciformer.cli import config_paths
from sciformer.errors import blame


@runtime_checkable
class Checked(Protocol):
    """Data that can be looked at before a fit."""

    def check(self) -> None:
        """See that it can be read; called by the first rank alone.

        Raises:
            ValueError: Naming file, key and value of what cannot.
        """


def passes(max_epochs: int | None) -> int:
    """Passes over the data: one unless said; Lightning's thousand would outlast any schedule."""
    return 1 if max_epochs is None else max_epochs


def check_accumulation(given: Namespace) -> None:
    """Refuse to accumulate the gradients of no batch.

    Args:
        given: Options of the trainer.

    Raises:
        ValueError: Naming the option.
    """
    if given.accumulate_grad_batches < 1:
        raise ValueError(f"accumulate_grad_batches {given.accumulate_grad_batches} < 1")


def check_interval(given: Namespace, data: LightningDataModule) -> None:
    """Refuse a validation that no epoch reaches.

    Args:
        given: Options of the trainer.
        data: Its training loader has a length.

    Raises:
        ValueError: Naming file and option.
    """
    interval = given.val_check_interval
    if not isinstance(interval, int) or given.check_val_every_n_epoch is None:
        return
    with warnings.catch_warnings(action="ignore"):  # they come when it is made to be used
        batches = len(data.train_dataloader())
    if interval > batches:
        message = f"val_check_interval {interval} > {batches} batches of an epoch"
        raise ValueError(blame("trainer", message, config_paths(sys.argv)))
