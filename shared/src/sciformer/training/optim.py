"""AdamW without decay of biases and norms, Muon, and a warm-up with cosine decay."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

NEWTON_SCHULZ = 5  # steps, each an odd polynomial of the singular values:
FIRST, THIRD, FIFTH = 3.4445, -4.7750, 2.0315  # its coefficients (Jordan et al. 2024)
NORM = 1e-7  # the least norm of a matrix that is divided by it


@dataclass(frozen=True)
class OptimizerSettings:
    """Optimizer and learning rate of a training.

    Args:
        lr: Peak learning rate of AdamW.
        matrix_lr: Peak learning rate of Muon for the hidden matrices; ``None`` uses AdamW for all
            parameters.
        weight_decay: Weight decay of matrices, per step and unit of learning rate.
        warmup: Batches of linear warm-up, followed by a cosine decay.
    """

    lr: float = 1e-3
    matrix_lr: float | None = None
    weight_decay: float = 0.01
    warmup: int = 100


def decay_groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Split parameters into matrices, with weight decay, and vectors and scalars, without.

    Norms compensate for the shrinking of matrices by decay; nothing does so for a bias or a norm's
    gain (Loshchilov and Hutter 2019; the split is GPT-2's).

    Args:
        parameters: Parameters of a network; frozen ones are ignored.
        weight_decay: Weight decay of the matrices, per step and unit of learning rate.

    Returns:
        Two parameter groups.
    """
    trained = [p for p in parameters if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]


def adamw(
    groups: Iterable[Mapping[str, Any]],
    lr: float,
    weight_decay: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
) -> AdamW:
    """Fused AdamW of torch, with gradient clipping enabled in every precision.

    The fused kernel can unscale gradients itself, and Lightning therefore refuses to clip them,
    even in bf16, which has no loss scale. Here this feature is disabled, so the scaler unscales
    them before.

    Args:
        groups: Parameter groups: dicts with ``params`` and optionally ``lr`` and ``weight_decay``.
        lr: Default learning rate of a group.
        weight_decay: Default decoupled weight decay of a group.
        betas: Decay rates of the averages of gradient and squared gradient.

    Returns:
        The optimizer.
    """
    own = [dict(group) for group in groups]
    chosen = AdamW(own, lr=lr, betas=betas, weight_decay=weight_decay, fused=True)
    chosen._step_supports_amp_scaling = False
    return chosen


class MuonAdamW(Optimizer):
    """Muon (Jordan et al. 2024) for hidden matrices, AdamW for everything else, as one optimizer.

    Lightning's automatic optimization, schedulers and checkpoints support one optimizer. Here both
    share one list of groups and one state.

    Args:
        matrices: Groups for Muon: dicts with ``params`` (2-D only) and optionally ``lr``.
        others: Groups for AdamW, in the same form.
        lr: Default learning rate of a group.
        weight_decay: Default decoupled weight decay of a group.
        momentum: Momentum of Muon.
        betas: Decay rates of AdamW.
        precision: Precision of Muon's orthogonalization, see ``orthogonalize``.

    Raises:
        ValueError: If a parameter given to Muon is not a matrix.
    """

    def __init__(
        self,
        matrices: Iterable[Mapping[str, Any]],
        others: Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.98),
        precision: torch.dtype | None = None,
    ) -> None:
        self._precision = precision
        self._muon = Muon(
            [dict(group) for group in matrices],  # pyright: ignore[reportArgumentType]  # dicts too
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            adjust_lr_fn="original",
        )
        self._adamw = adamw(others, lr, weight_decay, betas)
        super().__init__([*self._muon.param_groups, *self._adamw.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Give both optimizers the groups and the state of this one."""
        split = len(self._muon.param_groups)
        self._muon.param_groups = self.param_groups[:split]
        self._adamw.param_groups = self.param_groups[split:]
        self._muon.state = self._adamw.state = self.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._share()

    @torch.no_grad()
    def step(  # pyright: ignore[reportIncompatibleMethodOverride]  # torch overloads it
        self, closure: Callable[[], Any] | None = None
    ) -> Any:
        """Take one step of both; a closure is evaluated once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self._muon.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._muon_step(parameter, group)
        self._adamw.step()
        return loss

    def _muon_step(self, parameter: Tensor, group: Mapping[str, Any]) -> None:
        """Update a matrix by its orthogonalized Nesterov momentum, as torch's Muon does.

        torch orthogonalizes in bf16, which is 25 times as slow as fp32 on a CPU without bf16 units.
        """
        grad, state = parameter.grad, self.state[parameter]
        assert grad is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(grad)
        momentum = state["momentum_buffer"].lerp_(grad, 1 - group["momentum"])
        update = orthogonalize(grad.lerp(momentum, group["momentum"]), self._precision)
        rows, columns = parameter.shape
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update, alpha=-group["lr"] * math.sqrt(max(1, rows / columns)))


def orthogonalize(matrix: Tensor, precision: torch.dtype | None = None) -> Tensor:
    """Orthogonalize a matrix approximately by Newton-Schulz steps (Jordan et al. 2024).

    Singular values become about 1. Computed in bf16 on CUDA. On CPUs in at least fp32, even with
    bf16 hardware, so that results agree on all of them up to rounding.

    Args:
        matrix: Matrix of any size.
        precision: Precision of the computation in place of these.

    Returns:
        A matrix of the same shape, in the precision of the computation.
    """
    wide = torch.promote_types(matrix.dtype, torch.float32)
    x = matrix.to(precision or (torch.bfloat16 if matrix.is_cuda else wide))
    tall = matrix.shape[0] > matrix.shape[1]
    x = x.mT if tall else x
    x = x / x.norm().clamp(min=NORM)
    for _ in range(NEWTON_SCHULZ):
        gram = x @ x.mT
        odd = torch.addmm(gram, gram, gram, beta=THIRD, alpha=FIFTH)
        x = torch.addmm(x, odd, x, beta=FIRST)
    return x.mT if tall else x


def warmup_cosine(step: int, steps: int, warmup: int, power: float = 1.0) -> float:
    """Factor of the learning rate: linear from 1/warmup to 1, then a half cosine that ends at 0.

    Args:
        step: Index of the next step, counted from 0.
        steps: Length of the schedule, including warm-up; later steps have factor 0.
        warmup: Steps of the warm-up.
        power: Power of the cosine; 2 decays earlier and has more steps at small learning rates.

    Returns:
        Factor between 0 and 1.
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return (0.5 * (1 + math.cos(math.pi * progress))) ** power


def batches_before(step: int, epoch: int, accumulated: int) -> int:
    """Number of batches before an optimizer step.

    An epoch ends with a step, even if fewer batches have accumulated.

    Args:
        step: Index of the next step, counted from 0.
        epoch: Batches per epoch.
        accumulated: Batches per step.

    Returns:
        Number of batches.
    """
    epochs, within = divmod(step, math.ceil(epoch / accumulated))
    return epochs * epoch + within * accumulated
