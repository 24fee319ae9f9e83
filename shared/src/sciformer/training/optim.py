"""AdamW with its decay split, Muon beside it as one optimizer, and warm-up with cosine decay."""

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
        matrix_lr: Peak learning rate of Muon for the hidden matrices; ``None`` leaves them to
            AdamW.
        weight_decay: Of matrices, per step and unit of learning rate.
        warmup: Batches of the linear rise; a cosine follows.
    """

    lr: float = 1e-3
    matrix_lr: float | None = None
    weight_decay: float = 0.01
    warmup: int = 100


def decay_groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Split parameters into matrices, which decay, and vectors and scalars, which do not.

    Decay shrinks a product's scale, which norms undo; a bias or a norm's gain has nothing to undo
    it (Loshchilov and Hutter 2019; the split is GPT-2's).

    Args:
        parameters: Of a network; those that are not trained are left out.
        weight_decay: AdamW's decay of the matrices, per step and unit of learning rate.

    Returns:
        Two groups for an optimizer.
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
    """Fused AdamW of torch, whose gradients can be clipped in every precision.

    Its kernel offers to divide the gradients by a loss scale, and Lightning then refuses to clip
    them, in bf16 too, where there is no scale. Without the offer the scaler divides, before.

    Args:
        groups: Dicts with ``params`` and optionally ``lr`` and ``weight_decay``.
        lr: Learning rate of groups that name none.
        weight_decay: Decoupled decay of groups that name none.
        betas: Decay of the averages of gradient and square.

    Returns:
        The optimizer.
    """
    own = [dict(group) for group in groups]
    chosen = AdamW(own, lr=lr, betas=betas, weight_decay=weight_decay, fused=True)
    chosen._step_supports_amp_scaling = False
    return chosen


class MuonAdamW(Optimizer):
    """Muon (Jordan et al. 2024) for hidden matrices, AdamW for everything else, as one optimizer.

    Lightning's automatic optimization, learning rate schedulers and checkpoints take one optimizer.
    Here both share one list of groups and one state, so that all of these see an ordinary one.

    Args:
        matrices: Groups for Muon: dicts with ``params`` (2-D only) and optionally ``lr``.
        others: Groups for AdamW, likewise.
        lr: Learning rate of groups that name none.
        weight_decay: Decoupled decay of groups that name none.
        momentum: Of Muon.
        betas: Of AdamW.

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
    ) -> None:
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
        """Let the two see the groups and the state of this one, and nothing else."""
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
        """Move a matrix by its orthogonalized momentum (Nesterov's), as torch's Muon does.

        torch orthogonalizes in bf16, which takes a CPU without bf16 units 25 times as long as fp32.
        """
        grad, state = parameter.grad, self.state[parameter]
        assert grad is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(grad)
        momentum = state["momentum_buffer"].lerp_(grad, 1 - group["momentum"])
        update = orthogonalize(grad.lerp(momentum, group["momentum"]))
        rows, columns = parameter.shape
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update, alpha=-group["lr"] * math.sqrt(max(1, rows / columns)))


def orthogonalize(matrix: Tensor) -> Tensor:
    """Bring the singular values of a matrix near 1 by Newton-Schulz steps (Jordan et al. 2024).

    In bf16 on CUDA. On CPUs in fp32 at least, those that multiply bf16 in hardware included: a run
    gives the same numbers on all of them, up to the order of sums.

    Args:
        matrix: Two axes of any size.

    Returns:
        A matrix of the same shape, in the precision in which it was computed.
    """
    wide = torch.promote_types(matrix.dtype, torch.float32)
    x = matrix.to(torch.bfloat16 if matrix.is_cuda else wide)
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
        step: The step about to be taken, counted from 0.
        steps: Length of the whole schedule, warm-up included; later steps get 0.
        warmup: Steps of the linear part.
        power: Of the cosine; 2 falls earlier and spends longer at small rates.

    Returns:
        Between 0 and 1.
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return (0.5 * (1 + math.cos(math.pi * progress))) ** power


def batches_before(step: int, epoch: int, accumulated: int) -> int:
    """Batches that have been seen before an optimizer step.

    An epoch ends with a step, however few batches have accumulated by then.

    Args:
        step: The step about to be taken, counted from 0.
        epoch: Batches of an epoch.
        accumulated: Batches of a step.

    Returns:
        Their number.
    """
    epochs, within = divmod(step, math.ceil(epoch / accumulated))
    return epochs * epoch + within * accumulated
