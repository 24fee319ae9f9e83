"""Log learning rates and gradient norms."""

from collections.abc import Iterator

from lightning.pytorch import LightningModule, Trainer
from torch.optim import Optimizer

from sciformer.training.lightning_private import batches_stepped


def due(trainer: Trainer) -> bool:
    """Whether the loggers write at this step: each call of ``log`` costs 0.2 ms."""
    every = trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]
    return bool(every) and (batches_stepped(trainer) + 1) % every == 0


def log_update(
    trainer: Trainer, module: LightningModule, optimizer: Optimizer, norm: float
) -> None:
    """Log learning rate and gradient norm of a step, as ``train/lr`` and ``train/grad_norm``.

    With several learning rates these are ``train/lr/<name>``, with the name of the parameter group
    or, as in Lightning's ``LearningRateMonitor``, ``pg1``, ``pg2``. With several optimizers, the
    index of the optimizer is appended.

    Args:
        trainer: Trainer with the optimizers.
        module: Module in training.
        optimizer: Optimizer that takes the step.
        norm: Norm of all its gradients before clipping.
    """
    several = len(trainer.optimizers) > 1
    number = f"/{trainer.optimizers.index(optimizer)}" if several else ""
    rates = dict(_rates(optimizer))
    names = {name: f"/{name}" if len(rates) > 1 else "" for name in rates}
    lrs = {f"train/lr{names[name]}{number}": float(rate) for name, rate in rates.items()}
    module.log_dict({**lrs, f"train/grad_norm{number}": norm})


def _rates(optimizer: Optimizer) -> Iterator[tuple[str, float]]:
    """Learning rate of each group; unnamed groups with equal initial rates are merged."""
    seen = set()
    for number, group in enumerate(optimizer.param_groups, start=1):
        first = group.get("name", group.get("initial_lr", group["lr"]))
        if first not in seen:
            seen.add(first)
            yield group.get("name", f"pg{number}"), group["lr"]
