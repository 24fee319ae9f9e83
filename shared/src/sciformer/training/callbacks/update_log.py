"""What the loggers are told of an optimizer's step: its learning rates, its gradient's norm."""

from collections.abc import Iterator

from lightning.pytorch import LightningModule, Trainer
from torch.optim import Optimizer

from sciformer.training.lightning_private import batches_stepped


def due(trainer: Trainer) -> bool:
    """Whether the loggers write this step: each call of ``log`` costs 0.2 ms.

    Args:
        trainer: Says how often; a barebones one never.

    Returns:
        Whether they do.
    """
    every = trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]
    return bool(every) and (batches_stepped(trainer) + 1) % every == 0


def log_update(
    trainer: Trainer, module: LightningModule, optimizer: Optimizer, norm: float
) -> None:
    """Log a step that is about to be taken, as ``train/lr`` and ``train/grad_norm``.

    Where parameters have several rates these are ``train/lr/<name>``, by the name of the group or,
    as in Lightning's ``LearningRateMonitor``, ``pg1``, ``pg2``. Of several optimizers each has its
    number behind.

    Args:
        trainer: Knows the optimizers.
        module: That logs.
        optimizer: About to take the step.
        norm: Of the gradients of all its parameters, before they are clipped.
    """
    several = len(trainer.optimizers) > 1
    number = f"/{trainer.optimizers.index(optimizer)}" if several else ""
    rates = dict(_rates(optimizer))
    names = {name: f"/{name}" if len(rates) > 1 else "" for name in rates}
    lrs = {f"train/lr{names[name]}{number}": float(rate) for name, rate in rates.items()}
    module.log_dict({**lrs, f"train/grad_norm{number}": norm})


def _rates(optimizer: Optimizer) -> Iterator[tuple[str, float]]:
    """Of each group, those once that have no name and began with the same rate."""
    seen = set()
    for number, group in enumerate(optimizer.param_groups, start=1):
        first = group.get("name", group.get("initial_lr", group["lr"]))
        if first not in seen:
            seen.add(first)
            yield group.get("name", f"pg{number}"), group["lr"]
