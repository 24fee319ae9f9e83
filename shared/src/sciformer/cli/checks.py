"""What Lightning would notice only after a run has begun to write."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature

from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import (
    LearningRateFinder,
    StochasticWeightAveraging,
    WeightAveraging,
)
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy
from lightning.pytorch.utilities.parsing import lightning_hasattr

from sciformer.arguments import ArgumentError, check_least, check_not_negative, inside
from sciformer.text import single_line
from sciformer.training.lightning_private import rate_arguments


def passes(max_epochs: int | None) -> int:
    """Passes over the data: one unless said; Lightning's thousand would outlast any schedule."""
    return 1 if max_epochs is None else max_epochs


@contextmanager
def trainer_errors() -> Iterator[None]:
    """Name the option of what Lightning says of the trainer's arguments, inside of this context.

    Its messages hold them as text alone; the first one that does is it.

    Raises:
        ArgumentError: In place of what is raised inside.
    """
    try:
        yield
    except (MisconfigurationException, ValueError, TypeError) as error:
        message = single_line(str(error))
        for word in re.findall(r"\w+", message):
            if word in signature(Trainer).parameters:
                raise ArgumentError(f"trainer.{word}", message) from error
        raise ValueError(f"trainer: {message}") from error


def check_numbers(given: Namespace) -> None:
    """Refuse numbers that Lightning takes and then cannot work with.

    Args:
        given: Options of the trainer.

    Raises:
        ArgumentError: Naming the option.
    """
    with inside("trainer", {}):
        check_least(
            accumulate_grad_batches=(given.accumulate_grad_batches, 1),
            check_val_every_n_epoch=(given.check_val_every_n_epoch, 1),
            log_every_n_steps=(given.log_every_n_steps, 1),
            num_sanity_val_steps=(given.num_sanity_val_steps, -1),
        )
        check_not_negative(gradient_clip_val=given.gradient_clip_val)


def check_callbacks(trainer: Trainer, model: LightningModule) -> None:
    """Refuse callbacks of Lightning that cannot do their work in a run.

    Args:
        trainer: That has them.
        model: Of the run.

    Raises:
        ArgumentError: Naming the option and the callback.
    """
    sharded = isinstance(trainer.strategy, FSDPStrategy | ModelParallelStrategy)
    callbacks = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
    for each in callbacks:
        kind, reason = type(each).__name__, ""
        if isinstance(each, StochasticWeightAveraging | WeightAveraging) and sharded:
            reason = "copies the whole network, which this strategy shares out; take DDP"
        names = rate_arguments(each) if isinstance(each, LearningRateFinder) else []
        if names and not any(lightning_hasattr(model, name) for name in names):
            reason = f"{type(model).__name__} has no argument {' or '.join(names)}"
        if reason:
            raise ArgumentError("trainer.callbacks", f"{kind}: {reason}")


def check_interval(given: Namespace, data: LightningDataModule) -> None:
    """Refuse a validation that no epoch reaches.

    Args:
        given: Options of the trainer.
        data: Its training loader has a length.

    Raises:
        ArgumentError: Naming the option.
    """
    interval = given.val_check_interval
    if not isinstance(interval, int) or given.check_val_every_n_epoch is None:
        return
    with warnings.catch_warnings(action="ignore"):  # they come when it is made to be used
        batches = len(data.train_dataloader())
    if interval > batches:
        reason = f"{interval} is more than the {batches} batches of an epoch"
        raise ArgumentError("trainer.val_check_interval", reason)
