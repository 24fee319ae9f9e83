"""What Lightning would notice only after a run has begun to write."""

import sys
import warnings
from collections.abc import Callable
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule

from sciformer.cli import config_paths
from sciformer.errors import blame


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


def naming(key: str) -> Callable[..., Any]:
    """A constructor that puts an option in front of what a class complains about.

    Args:
        key: The option: ``model`` or ``data``.

    Returns:
        Called with the class and its arguments.
    """

    def build(kind: type, **arguments: Any) -> Any:
        try:
            return kind(**arguments)
        except ValueError as error:
            raise ValueError(blame(key, str(error), config_paths(sys.argv))) from error

    return build
