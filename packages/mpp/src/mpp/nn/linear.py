"""Linear layer: a matrix product or a 1x1 convolution, whichever is faster on this CPU."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear as matrix_product

from sciformer.nn.hardware import avx512

IMAGES = 16  # oneDNN's convolution over fewer images falls back to a slow path with several threads
CONVOLUTION = torch.ops.aten.convolution
BACKWARD = torch.ops.aten.convolution_backward
POINTWISE = [1, 1], [0, 0], [1, 1], False, [0, 0], 1  # stride, padding, dilation and so on


def linear(
    x: Float[Tensor, "*batch dim_in"],
    weight: Float[Tensor, "dim_out dim_in"],
    bias: Float[Tensor, " dim_out"] | None = None,
) -> Float[Tensor, "*batch dim_out"]:
    """Compute ``x W^T + b``; supports first derivatives only.

    In fp32 on a CPU with AVX-512 as a 1x1 convolution: MKL's sgemm reaches half of what oneDNN's
    convolution does on Zen 5 (100 against 205-235 GFLOP/s per core) and 94 % of it on Zen 4; in
    bf16 (autocast) the plain product is 1-10 % ahead. Without AVX-512 (Zen 3) the convolution's
    gradient of the weights reaches 22 GFLOP/s, the plain product's 75.

    Args:
        x: Channels last.
        weight: As in ``nn.Linear``.
        bias: Added to every row.

    Returns:
        Channels last, in the dtype of ``x``, or of autocast.
    """
    rows = x.numel() // x.shape[-1]
    half = x.dtype != torch.float32 or torch.is_autocast_enabled("cpu")
    plain = not x.is_cpu or half or torch.compiler.is_compiling() or not avx512()
    if plain or rows == 0 or rows % IMAGES:
        return matrix_product(x, weight, bias)
    return Pointwise.apply(x, weight, bias)


class Linear(nn.Linear):
    """``nn.Linear`` that computes by ``linear``."""

    def forward(
        self,
        input: Float[Tensor, "*batch dim_in"],  # as torch calls it
    ) -> Float[Tensor, "*batch dim_out"]:
        return linear(input, self.weight, self.bias)


class Pointwise(torch.autograd.Function):
    """Matrix product as a 1x1 convolution of channels-last images, with its gradients."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # named, not *args
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        out = CONVOLUTION(_images(x), weight[:, :, None, None], bias, *POINTWISE)
        return out.permute(0, 2, 3, 1).view(*x.shape[:-1], len(weight))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # named, not *args
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        images, kernel = _images(x), weight[:, :, None, None]
        wanted = [*ctx.needs_input_grad[:2], False]
        found = BACKWARD(_images(grad), images, kernel, None, *POINTWISE, wanted)
        grad_x, grad_weight, _ = found
        # A third of the time that oneDNN takes for it: 0.04 of 0.3 ms for 1,024 x 576.
        grad_bias = grad.flatten(0, -2).sum(0) if ctx.needs_input_grad[2] else None
        if grad_x is not None:
            grad_x = grad_x.permute(0, 2, 3, 1).reshape(x.shape)
        return grad_x, None if grad_weight is None else grad_weight.flatten(1), grad_bias


def _images(x: Tensor) -> Tensor:
    """View the rows of a matrix as pixels of ``IMAGES`` channels-last images."""
    return x.reshape(IMAGES, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)
