"""Normalization: reversible instance norm of the input, and the norms inside the network.

The norms inside the network take statistics over the positions of a frame, one scale per (frame,
channel): ``y = s x + t``. Their backward pass is written out, which saves two thirds of autograd's
passes over memory. Statistics are fp32 (fp64 for fp64 input). A frame of a single token has no
statistics over positions: it is normalized over its channels.
"""

from typing import Any, Literal, NamedTuple, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import layer_norm, rms_norm

Target = Literal["next", "change"]
TARGETS = get_args(Target)
LEAST = 1e-7  # std / RMS of a field that varies; the original adds 1e-7 to each std instead
ROUNDING = 1e-6  # std / mean below this is rounding error of a constant frame in fp32


class Units(NamedTuple):
    """Shift and scale that normalize a field: ``(x - origin) / size``."""

    origin: Float[Tensor, "batch 1 fields *ones"]
    size: Float[Tensor, "batch 1 fields *ones"]


def units(frames: Float[Tensor, "batch time fields *space"]) -> Units:
    """Mean and standard deviation of each field over time and space (RevIN, Kim et al. 2022).

    The deviation is the unbiased one. No gradient flows through either, as in the paper's code. The
    size of a field that is constant but for rounding is 0. Sums are in fp64, so that the mean of a
    constant is exact.
    """
    over = (1, *range(3, frames.ndim))
    x = frames.detach()
    points = x[0, :, 0].numel()
    origin = x.mean(over, keepdim=True, dtype=torch.float64).to(x.dtype)
    square = (x - origin).square().sum(over, keepdim=True, dtype=torch.float64)
    rms = (square / points + origin.square()).sqrt()
    deviation = (square / max(points - 1, 1)).sqrt()  # of a single point there is none
    return Units(origin, deviation.where(deviation > LEAST * rms, 0.0).to(x.dtype))


def power_of_two(
    frames: Float[Tensor, "batch time fields *space"],
) -> Float[Tensor, "batch 1 fields *ones"]:
    """The power of two at or below the largest absolute value of each field; 1 for zeros.

    Frames divided by it have squares that neither overflow nor underflow, and lose no digit.
    """
    most = frames.detach().abs().amax((1, *range(3, frames.ndim)), keepdim=True)
    mantissa, _ = torch.frexp(most)  # from 0.5 to 1
    return (most / (2 * mantissa)).where(most > 0, 1.0)


def step_units(frames: Float[Tensor, "batch time fields *space"], state: Units) -> Units:
    """Last frame and RMS change between frames: a prediction of zeros is then persistence.

    With a single frame there is no change; the standard deviation of the field takes its place.
    """
    last = frames[:, -1:]
    if frames.shape[1] == 1:
        return Units(last, state.size)
    differences = frames.detach().diff(dim=1)
    over = (1, *range(3, frames.ndim))
    return Units(last, differences.square().mean(over, keepdim=True).sqrt())


class DeviationNorm(nn.Module):
    """Divide by the standard deviation over the positions of a frame; keep the mean.

    ``y = w x / (std(x) + eps)`` with the unbiased deviation: ``RMSInstanceNorm2d`` of the paper's
    code.

    Args:
        dim: Number of channels.
        eps: Added to the standard deviation.
    """

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(
        self,
        x: Float[Tensor, "frames tokens dim"],
        gain: Float[Tensor, " dim"] | None = None,
        eps_scale: float = 1.0,
    ) -> Float[Tensor, "frames tokens dim"]:
        weight = self.weight if gain is None else self.weight * gain
        if x.shape[1] == 1:
            return rms_norm(x, (x.shape[2],), weight.to(x.dtype), self.eps)
        return Normalize.apply(x, weight, None, self.eps * eps_scale)


class InstanceNorm(nn.Module):
    """Instance norm: subtract the mean and divide by the deviation over positions.

    ``y = w (x - mean(x)) / sqrt(var(x) + eps) + b`` with the biased variance.

    Args:
        dim: Number of channels.
        eps: Added to the variance.
    """

    def __init__(self, dim: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Float[Tensor, "frames tokens dim"]) -> Float[Tensor, "frames tokens dim"]:
        if x.shape[1] == 1:
            weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
            return layer_norm(x, (x.shape[2],), weight, bias, self.eps)
        return Normalize.apply(x, self.weight, self.bias, self.eps)


class Normalize(torch.autograd.Function):
    """Forward and backward of both norms: an instance norm if there is a bias."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # named, not *args
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, eps: float
    ) -> Tensor:
        wide = x if x.dtype == torch.float64 else x.float()
        mean = wide.mean(1, keepdim=True)
        square = (wide - mean).square_().sum(1, keepdim=True)
        if bias is None:
            std = (square / (x.shape[1] - 1)).sqrt_()
            inverse = 1 / (std + eps)
            scale = inverse * weight
            out = wide * scale
        else:
            std = (square / x.shape[1]).sqrt_()
            inverse = (square / x.shape[1] + eps).rsqrt_()
            scale = inverse * weight
            shift = torch.addcmul(bias, mean, scale, value=-1)
            out = torch.addcmul(shift, wide, scale)  # differences of large numbers: not in bf16
        ctx.save_for_backward(x, weight, mean, std, inverse)
        ctx.biased = bias is not None
        return out.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # named, not *args
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        x, weight, mean, std, inverse = ctx.saved_tensors
        scale = inverse * weight
        x, grad, dtype = x.to(mean.dtype), grad.to(mean.dtype), x.dtype
        product = (grad * x).sum(1, keepdim=True)
        if ctx.biased:
            total = grad.sum(1, keepdim=True)
            product = (product - mean * total) * inverse
            pull = scale * inverse * product / x.shape[1]
            rest = pull * mean - scale * total / x.shape[1]
            grad_weight, grad_bias = product.sum((0, 1)), total.sum((0, 1))
        else:
            pull = scale * inverse * product / ((x.shape[1] - 1) * std)
            pull = torch.where(std > ROUNDING * mean.abs(), pull, 0.0)
            rest = pull * mean
            grad_weight, grad_bias = (product * inverse).sum((0, 1)), None
        out = torch.addcmul(rest, x, pull, value=-1).addcmul_(grad, scale)
        return out.to(dtype), grad_weight, grad_bias, None
