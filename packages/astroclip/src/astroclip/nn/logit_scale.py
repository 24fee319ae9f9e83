"""Learned logit scale (inverse temperature) of contrastive losses."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

MAX_SCALE = 100.0  # as in CLIP (Radford et al. 2021, section 2.5)


def bounded_scale(log_scale: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Exponential of a learned parameter, at most 100 as in CLIP.

    At the bound only gradients that would raise the parameter further are dropped. A plain clamp
    drops all of them, so the parameter could never come back.

    Args:
        log_scale: Log of the scale.

    Returns:
        The scale.
    """
    return _BoundedExp.apply(log_scale)


class _BoundedExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, log_scale: Tensor) -> Tensor:
        scale = log_scale.exp().clamp_max(MAX_SCALE)
        ctx.save_for_backward(scale)
        return scale

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # named, not *args
        ctx: Any, gradient: Tensor
    ) -> Tensor:
        (scale,) = ctx.saved_tensors
        raises = (scale >= MAX_SCALE) & (gradient < 0)
        return (gradient * scale).masked_fill(raises, 0.0)
