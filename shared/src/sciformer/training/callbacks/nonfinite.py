"""Stop at a NaN or infinite loss or gradient before the weights change, and name the cause."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.precision import Precision
from lightning.pytorch.utilities import GradClipAlgorithmType
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

from sciformer.data.sampler import Order
from sciformer.training.callbacks.update_log import due, log_update
from sciformer.training.distributed.agreement import Agreement

NORM, GRADIENT, LOSS = 1, 2, 3  # what a rank finds not to be finite, the surest last


class StopOnNonFiniteLoss(Callback):
    """Stop a run before a NaN or infinite loss or gradient changes the weights.

    The gradient is checked by its norm, which is logged with the learning rate; if gradients are
    clipped, the norm is computed only once. In fp16 an overflow of the scaled loss is normal, and
    the scaler skips such steps: the run stops only if the scale has dropped below one. Weights that
    are not finite are never saved.
    """

    def __init__(self) -> None:
        self.batch: Any = None
        self.lost: tuple[float, Any, str] | None = None  # a loss, its batch, and its samples

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.agreement = Agreement()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.clips = clip_by_known_norm(trainer, pl_module, self._look)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.batch = batch

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Check the loss.

        Raises ``FloatingPointError`` if it is not finite and there is only one rank; several ranks
        stop together, before the step. It names step, rank, the first tensor that is not finite,
        and the samples of the batch.
        """
        value = loss.item()
        if not math.isfinite(value) and self.lost is None:
            self.lost = value, self.batch, samples(trainer)
            if self.agreement.alone:
                self._judge(trainer, pl_module, None)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Check the gradient, unless gradient clipping does.

        Raises ``FloatingPointError`` if a gradient or the loss is not finite on any rank. It names
        step, rank, the first parameter, and the samples of the batch.
        """
        if not self.clips:
            self._look(trainer, pl_module, optimizer, *_norm(optimizer))

    def _look(
        self,
        trainer: Trainer,
        module: LightningModule,
        optimizer: Optimizer,
        norm: float,
        shared: bool = False,
    ) -> None:
        """Check and log the gradient norm; for a sharded gradient, each rank passes its shard's."""
        self._judge(trainer, module, norm)
        if due(trainer):
            whole = self.agreement.norm(norm) if shared else norm
            log_update(trainer, module, optimizer, whole)

    def _judge(self, trainer: Trainer, module: LightningModule, norm: float | None) -> None:
        rank, world = trainer.global_rank, trainer.world_size
        kind, cause = self._found(trainer, module, norm)
        word = self.agreement.largest(kind * world + rank if kind else 0)
        if not word:
            return
        worst, of = divmod(word, world)
        if worst == LOSS:  # all ranks search, as the layers of one may wait for those of the others
            cause = first_non_finite(module, self.lost[1] if self.lost else self.batch)
        what, at = "loss" if worst == LOSS else "gradient", f"at step {trainer.global_step}"
        if of != rank:
            message = f"rank {rank} stops: the {what} of rank {of} is not finite {at}"
        elif self.lost is not None:
            message = (
                f"the loss is {self.lost[0]} {at} on rank {rank}; the first tensor that is not "
                f"finite: {cause}; the batch: {self.lost[2]}"
            )
        else:
            message = (
                f"the gradient is not finite {at} on rank {rank}, though the loss is; {cause}; "
                f"the batch: {samples(trainer)}"
            )
        raise FloatingPointError(message)

    def _found(
        self, trainer: Trainer, module: LightningModule, norm: float | None
    ) -> tuple[int, str]:
        """Error on this rank; (0, "") if there is none."""
        if self.lost is not None:
            return LOSS, ""
        if norm is None or math.isfinite(norm) or not _counts(trainer):
            return 0, ""
        for name, parameter in module.named_parameters():
            if parameter.grad is not None and not _finite(parameter.grad):
                return GRADIENT, f"the first such parameter: {name}"
        return NORM, "its norm is, though none of its numbers"

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Check the weights.

        Args:
            trainer: Trainer, for the step.
            pl_module: Module, to name the parameter.
            checkpoint: Content to be saved.

        Raises:
            FloatingPointError: If trained weights are not finite on any rank. Names the step and
                the first parameter.
        """
        trained = ((name, p) for name, p in pl_module.named_parameters() if p.requires_grad)
        found = next((name for name, weights in trained if not _finite(weights)), None)
        if self.agreement.largest(int(found is not None)):
            raise FloatingPointError(
                f"the weights are not finite after step {trainer.global_step} and were not saved"
                f"{f'; the first such parameter: {found}' if found else ''}"
            )


def clip_by_known_norm(
    trainer: Trainer,
    module: LightningModule,
    look: Callable[[Trainer, LightningModule, Optimizer, float], None],
) -> bool:
    """Clip gradients by their norm and pass the norm to a callback.

    Args:
        trainer: Trainer with the clipping options.
        module: Module, which may override the clipping.
        look: Called with the norm, before the gradients are scaled.

    Returns:
        Whether it will be called at each step.
    """
    plugin = trainer.precision_plugin
    own = type(plugin).clip_grad_by_norm is not Precision.clip_grad_by_norm
    by_value = trainer.gradient_clip_algorithm == GradClipAlgorithmType.VALUE
    if own or by_value or is_overridden("configure_gradient_clipping", module):
        return False

    def clip(optimizer: Optimizer, clip_val: int | float) -> None:
        parameters = [p for p in plugin.main_params(optimizer) if p.grad is not None]
        norm = get_total_norm([p.grad for p in parameters if p.grad is not None])
        whole = norm.full_tensor() if isinstance(norm, DTensor) else norm
        look(trainer, module, optimizer, whole.item())
        clip_grads_with_norm_(parameters, clip_val, norm)

    plugin.clip_grad_by_norm = clip
    return module.automatic_optimization and bool(trainer.gradient_clip_val)


def _norm(optimizer: Optimizer) -> tuple[float, bool]:
    """Gradient norm of this rank, and whether other ranks hold other shards.

    On a CPU this takes half the time of ``get_total_norm``.
    """
    parameters = (p for group in optimizer.param_groups for p in group["params"])
    grads = [p.grad for p in parameters if p.grad is not None]
    shared = any(isinstance(grad, DTensor) for grad in grads)
    own = [_local(grad) for grad in grads]
    if all(grad.device.type == "cpu" for grad in own):
        norms = torch._foreach_norm(own) if own else ()  # pyright: ignore[reportPrivateImportUsage]
        return math.hypot(*(norm.item() for norm in norms)), shared
    return get_total_norm(own).item(), shared


def _counts(trainer: Trainer) -> bool:
    """Whether a gradient that is not finite is an error, not just a reason to reduce the scale."""
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    return scaler is None or scaler.get_scale() < 1


def samples(trainer: Trainer) -> str:
    """Names of the samples in this rank's training batch."""
    order = getattr(trainer.train_dataloader, "order", None)
    if not isinstance(order, Order):
        return "unknown, as its loader is not of sciformer.data"
    return f"{order.unit} {', '.join(map(str, order.handed_over()))} of epoch {order.epoch}"


def first_non_finite(module: LightningModule, batch: Any) -> str:
    """Name the first non-finite tensor: in the batch, the parameters, or the layers' outputs.

    Args:
        module: Module whose loss is not finite.
        batch: Batch, on which the step is repeated.

    Returns:
        For example ``batch.tokens``, ``parameter head.weight`` or ``output of model.encoder``.
    """
    named = [
        *_tensors("batch", batch),
        *((f"parameter {name}", p) for name, p in module.named_parameters()),
    ]
    found = [name for name, value in named if not _finite(value)]

    def watch(name: str) -> Any:
        def look(layer: nn.Module, args: Any, output: Any) -> None:
            if not all(_finite(part) for _, part in _tensors("", output)):
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


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """Tensors of a batch or an output, however nested."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _tensors(f"{name}.{key}", part)
    elif isinstance(value, list | tuple):
        for key, part in zip(getattr(value, "_fields", range(len(value))), value, strict=True):
            yield from _tensors(f"{name}.{key}", part)


def _local(value: Tensor) -> Tensor:
    """Values that this rank holds."""
    if isinstance(value, DTensor):
        return value.to_local()
    return value.coalesce().values() if value.is_sparse else value


def _finite(value: Tensor) -> bool:
    return bool(torch.isfinite(_local(value)).all())
