"""A stop before a loss that is NaN or infinite spoils the weights, and the search for its cause."""

import math
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from sciformer.data.order import Order
from sciformer.training.ranks import Agreement


class StopOnNonFiniteLoss(Callback):
    """End a run whose loss is NaN or infinite on any rank, before the step that it would spoil."""

    def __init__(self) -> None:
        self.batch: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.agreement = Agreement()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.batch = batch

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Check the loss.

        Args:
            trainer: Knows the step, the rank and the samples.
            pl_module: Knows the tensors.
            loss: What the training step returned.

        Raises:
            FloatingPointError: Naming the step, the rank, the first tensor that is not finite, and
                the samples of the batch.
        """
        finite = math.isfinite(loss.item())
        culprit = self.agreement.largest(0 if finite else trainer.global_rank + 1) - 1
        if culprit < 0:
            return
        cause = first_non_finite(pl_module, self.batch)  # all ranks search: layers may wait for all
        if finite:
            raise FloatingPointError(
                f"rank {trainer.global_rank} stops: the loss of rank {culprit} is not finite "
                f"at step {trainer.global_step}"
            )
        raise FloatingPointError(
            f"the loss is {loss.item()} at step {trainer.global_step} on rank "
            f"{trainer.global_rank}; the first tensor that is not finite: {cause}; "
            f"the batch: {samples(trainer)}"
        )


def samples(trainer: Trainer) -> str:
    """Name what the present training batch of this rank was made of."""
    order = getattr(trainer.train_dataloader, "order", None)
    if not isinstance(order, Order):
        return "unknown, as its loader is not of sciformer.data"
    return f"{order.unit} {', '.join(map(str, order.handed_over()))} of epoch {order.epoch}"


def first_non_finite(module: LightningModule, batch: Any) -> str:
    """Name the first non-finite tensor: of the batch, the parameters, or the layers' outputs.

    Args:
        module: Whose training step gave a loss that is not finite.
        batch: What it was given; the step is repeated on it.

    Returns:
        For example ``batch.tokens``, ``parameter head.weight`` or ``output of model.encoder``.
    """
    fields = getattr(batch, "_fields", range(len(batch)))
    named = [(f"batch.{field}", value) for field, value in zip(fields, batch, strict=True)]
    named += [(f"parameter {name}", p) for name, p in module.named_parameters()]
    found = [name for name, value in named if isinstance(value, Tensor) and not _finite(value)]

    def watch(name: str) -> Any:
        def look(layer: nn.Module, args: Any, output: Any) -> None:
            parts = output if isinstance(output, tuple) else (output,)
            if not all(_finite(part) for part in parts if isinstance(part, Tensor)):
                found.append(f"output of {name}")

        return look

    hooks = [m.register_forward_hook(watch(name)) for name, m in module.named_modules() if name]
    try:
        with torch.no_grad():
            module.training_step(batch, 0)
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else "the loss itself"


def _finite(value: Tensor) -> bool:
    local = value.to_local() if isinstance(value, DTensor) else value
    return bool(torch.isfinite(local).all())
