"""Queries, keys and values, heads first; queries and keys normalized (Henry et al. 2020)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

LAYER_NORM = torch.ops.aten.native_layer_norm
LAYER_NORM_BACKWARD = torch.ops.aten.native_layer_norm_backward
EPS = 1e-5


def split_heads(
    x: Float[Tensor, "*places 3 heads head_dim"],
    query_gain: tuple[Tensor, Tensor],
    key_gain: tuple[Tensor, Tensor],
    order: tuple[int, ...],
) -> tuple[
    Float[Tensor, "heads *ordered head_dim"],
    Float[Tensor, "heads *ordered head_dim"],
    Float[Tensor, "heads *ordered head_dim"],
]:
    """Lay queries, keys and values out as attention reads them; it can be differentiated once.

    Written out, it makes a third of the passes over memory that views and layer norms do, whose
    gradients are stacked, then permuted. The norms are fp32: in bf16 their backward takes 3.5 times
    as long.

    Args:
        x: Of all heads, as one matrix product gives them.
        query_gain: Weight and bias of the layer norm of each query.
        key_gain: Likewise of each key.
        order: The axes of places in the order of the answer.

    Returns:
        Queries, keys and values, contiguous.
    """
    return SplitHeads.apply(x, *query_gain, *key_gain, order)


class SplitHeads(torch.autograd.Function):
    """``split_heads`` with its gradients."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # named, not *args
        ctx: Any,
        x: Tensor,
        query_weight: Tensor,
        query_bias: Tensor,
        key_weight: Tensor,
        key_bias: Tensor,
        order: tuple[int, ...],
    ) -> tuple[Tensor, Tensor, Tensor]:
        wide = torch.promote_types(x.dtype, torch.float32)
        q, k, v = _heads_first(x, order)
        out, saved = [], []
        for given, weight, bias in ((q, query_weight, query_bias), (k, key_weight, key_bias)):
            z = torch.empty(given.shape, dtype=wide, device=x.device).copy_(given)
            y, mean, inverse = LAYER_NORM(z, z.shape[-1:], weight.to(wide), bias.to(wide), EPS)
            out.append(y.to(x.dtype))
            saved += [z, mean, inverse, weight, bias]
        ctx.save_for_backward(*saved)
        ctx.order, ctx.dtype = order, x.dtype
        return *out, v.contiguous()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # named, not *args
        ctx: Any, grad_q: Tensor, grad_k: Tensor, grad_v: Tensor
    ) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        heads, *ordered, head_dim = grad_v.shape
        places = [0] * len(ordered)
        for place, size in zip(ctx.order, ordered, strict=True):
            places[place] = size
        shape = (*places, 3, heads, head_dim)
        grad = torch.empty(shape, dtype=ctx.dtype, device=grad_v.device)
        into_q, into_k, into_v = _heads_first(grad, ctx.order)
        grads: list[Tensor] = []
        for given, into, one in ((grad_q, into_q, saved[:5]), (grad_k, into_k, saved[5:])):
            z, mean, inverse, weight, bias = one
            g = given.to(z.dtype).contiguous()
            gains = weight.to(z.dtype), bias.to(z.dtype)
            found = LAYER_NORM_BACKWARD(
                g, z, z.shape[-1:], mean, inverse, *gains, [True, True, True]
            )
            into.copy_(found[0])
            grads += [found[1].to(weight.dtype), found[2].to(bias.dtype)]
        into_v.copy_(grad_v)
        return grad, *grads, None


def _heads_first(x: Tensor, order: tuple[int, ...]) -> tuple[Tensor, ...]:
    places = x.ndim - 3
    return x.permute(places, places + 1, *order, places + 2).unbind(0)
