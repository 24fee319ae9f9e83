"""Attention over time and axial attention over space (McCabe et al. 2023, section 4).

Two parts are optimized, and tested against the plain formula: ``attend_lines`` packs short
sequences on a CPU, and ``split_heads`` has a custom backward pass.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mpp.nn.linear import Linear, linear
from mpp.nn.normalization import DeviationNorm, InstanceNorm
from mpp.nn.position_bias import Bias, make_bias
from mpp.simulate.boundary import Boundary
from sciformer.nn.attention import attend, divide
from sciformer.nn.sites import watched
from sciformer.nn.tensor_cache import kept

HIDDEN = -1e30  # added to a score: a weight of exactly 0; with -inf ``attend`` looks for empty rows
LAYER_NORM = torch.ops.aten.native_layer_norm
LAYER_NORM_BACKWARD = torch.ops.aten.native_layer_norm_backward
EPS = 1e-5  # of the layer norm of queries and keys


class Heads(nn.Module):
    """Multi-head projections with query-key normalization, position bias and LayerScale.

    Args:
        dim: Width of the tokens.
        heads: Number of heads; divides ``dim``.
        bias: Position bias of the scores: ``relative``, ``continuous`` or ``none``.
        legacy: Use the original's inexact distances along periodic axes.
        layer_scale: Initial value of the gain of each output channel.
    """

    def __init__(
        self, dim: int, heads: int, bias: Bias, legacy: bool = False, layer_scale: float = 1e-6
    ) -> None:
        super().__init__()
        self.heads = heads
        head_dim = divide(dim, heads)
        self.query_key_value = Linear(dim, 3 * dim)
        self.query_norm = nn.LayerNorm(head_dim)
        self.key_norm = nn.LayerNorm(head_dim)
        self.bias = make_bias(bias, heads, legacy)
        self.out = nn.Linear(dim, dim)
        self.gain = nn.Parameter(torch.full((dim,), layer_scale))

    def split(
        self, x: Float[Tensor, "*places dim"], order: tuple[int, ...]
    ) -> tuple[Float[Tensor, "heads *ordered head_dim"], ...]:
        """Compute queries, keys and values, heads first, the other axes in the order given."""
        x = self.query_key_value(x).unflatten(-1, (3, self.heads, -1))
        query, key = self.query_norm, self.key_norm
        return split_heads(x, (query.weight, query.bias), (key.weight, key.bias), order)

    def project(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """Apply the output layer with LayerScale folded into its weights."""
        return linear(x, self.out.weight * self.gain[:, None], self.out.bias * self.gain)


class TemporalAttention(nn.Module):
    """Attention over time at each point of space: ``g Wo norm(attend(qkv(norm(x))))``.

    Args:
        dim: Width of the tokens.
        heads: Number of heads; divides ``dim``.
        bias: Position bias of the scores: ``relative``, ``continuous`` or ``none``.
        layer_scale: Initial value of the gain of each output channel.
    """

    def __init__(self, dim: int, heads: int, bias: Bias, layer_scale: float = 1e-6) -> None:
        super().__init__()
        self.norm = InstanceNorm(dim)
        self.attention = Heads(dim, heads, bias, layer_scale=layer_scale)
        self.out_norm = InstanceNorm(dim)

    def forward(
        self, x: Float[Tensor, "batch time tokens dim"], last: bool
    ) -> Float[Tensor, "batch queries tokens dim"]:
        batch, time, tokens, dim = x.shape
        y = self.norm(x.flatten(0, 1)).view(x.shape)
        q, k, v = (z.flatten(1, 2) for z in self.attention.split(y, (0, 2, 1)))
        bias = self.attention.bias(time, "open")
        if last:
            q, bias = q[:, :, -1:], None if bias is None else bias[:, -1:]
        y = attend_lines(q, k, v, bias)  # (heads, B N, T, head_dim)
        y = y.unflatten(1, (batch, tokens)).permute(1, 3, 2, 0, 4).reshape(-1, tokens, dim)
        return self.attention.project(self.out_norm(y)).unflatten(0, (batch, -1))


class AxialAttention(nn.Module):
    """Axial attention: attend along each axis of space alone and average over the axes.

    The axes share queries, keys, values and the position bias; each has its own boundary.

    Args:
        dim: Width of the tokens.
        heads: Number of heads; divides ``dim``.
        bias: Position bias of the scores: ``relative``, ``continuous`` or ``none``.
        legacy: Use the original's inexact distances along periodic axes.
        eps: Added to the standard deviation in the norms.
        layer_scale: Initial value of the gain of each output channel.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        bias: Bias,
        legacy: bool = False,
        eps: float = 1e-3,
        layer_scale: float = 1e-6,
    ) -> None:
        super().__init__()
        self.norm = DeviationNorm(dim, eps)
        self.attention = Heads(dim, heads, bias, legacy, layer_scale)
        self.out_norm = DeviationNorm(dim, eps)

    def forward(
        self,
        x: Float[Tensor, "frames tokens dim"],
        grid: tuple[int, ...],
        boundaries: tuple[Boundary, ...],
    ) -> Float[Tensor, "frames tokens dim"]:
        y = self.norm(x).unflatten(1, grid)
        q, k, v = self.attention.split(y, tuple(range(y.ndim - 1)))
        total = None
        for axis, boundary in enumerate(boundaries):
            bias = self.attention.bias(grid[axis], boundary)
            mixed = along(q, k, v, axis + 2, bias)
            total = mixed if total is None else total + mixed
        assert total is not None  # there is an axis
        # The norm of a mean is the norm of the sum but for eps, which grows with the sum.
        y = total.flatten(2, -2).permute(1, 2, 0, 3).flatten(2)
        y = self.out_norm(y, eps_scale=float(len(grid)))
        return self.attention.project(y)


def along(
    q: Float[Tensor, "heads frames *grid head_dim"],
    k: Float[Tensor, "heads frames *grid head_dim"],
    v: Float[Tensor, "heads frames *grid head_dim"],
    axis: int,
    bias: Float[Tensor, "heads length length"] | None,
) -> Float[Tensor, "heads frames *grid head_dim"]:
    """Attend along one axis; each line of tokens along it is a sequence of its own."""
    if v.shape[axis] == 1 and v.shape[1:-1].numel() > v.shape[1]:
        return v  # a token that sees only itself; were there no other, nothing would use the bias
    q, k, v = (z.movedim(axis, -2) for z in (q, k, v))  # (heads, F, others, L, head_dim)
    lines = q.shape[1:-2]
    out = attend_lines(q.flatten(1, -3), k.flatten(1, -3), v.flatten(1, -3), bias)
    return out.unflatten(1, lines).movedim(-2, axis)


def attend_lines(
    q: Float[Tensor, "heads lines queries head_dim"],
    k: Float[Tensor, "heads lines length head_dim"],
    v: Float[Tensor, "heads lines length head_dim"],
    bias: Float[Tensor, "heads queries length"] | None,
) -> Float[Tensor, "heads lines queries head_dim"]:
    """Attend within each of many short sequences; on a CPU several are packed into one.

    A softmax over fewer numbers than a vector register holds is not vectorized: in fp32, rows of 8
    take 440 us and rows of 16 (twice the scores) 65 us; in bf16, rows of 16 take 630 us and rows of
    32 take 145 us. So sequences share a row, with a block-diagonal mask between them.
    """
    packed = lines_per_row(q, k.shape[2])
    if packed > 1:
        bias = block_diagonal(bias, packed, q, k)
        shape = q.shape
        q, k, v = (_pack(x, packed) for x in (q, k, v))
        return attend(q, k, v, bias=bias[:, None]).reshape(shape)
    return attend(q, k, v, bias=None if bias is None else bias[:, None])


def lines_per_row(q: Tensor, length: int) -> int:
    """Number of lines to pack: fills a vector register and divides the number of lines."""
    if not q.is_cpu or torch.compiler.is_compiling() or watched():
        return 1
    half = q.dtype == torch.bfloat16 or torch.is_autocast_enabled("cpu")
    most = max(1, (32 if half else 16) // length)
    return next(n for n in range(most, 0, -1) if q.shape[1] % n == 0)


def block_diagonal(bias: Tensor | None, packed: int, q: Tensor, k: Tensor) -> Tensor:
    """Repeat the bias within each packed line; between lines it is ``HIDDEN``."""
    others = _between_lines(packed, q.shape[2], k.shape[2], q.device)
    if bias is None:
        return q.new_zeros(1, *others.shape).masked_fill(others, HIDDEN)
    return bias.repeat(1, packed, packed).masked_fill(others, HIDDEN)


@kept(64)
def _between_lines(packed: int, queries: int, length: int, device: torch.device) -> Tensor:
    """Mask of the pairs of query and key that are of different lines."""
    with torch.inference_mode(False):  # see mpp.nn.position_bias.buckets
        line = torch.arange(packed, device=device)
        rows, columns = line.repeat_interleave(queries), line.repeat_interleave(length)
        return rows[:, None] != columns


def _pack(x: Tensor, packed: int) -> Tensor:
    heads, lines, length, head_dim = x.shape
    return x.reshape(heads, lines // packed, packed * length, head_dim)


def split_heads(
    x: Float[Tensor, "*places 3 heads head_dim"],
    query_gain: tuple[Tensor, Tensor],
    key_gain: tuple[Tensor, Tensor],
    order: tuple[int, ...],
) -> tuple[Float[Tensor, "heads *ordered head_dim"], ...]:
    """Split a joint projection into contiguous q, k, v; layer-normalize q and k per head.

    Query-key normalization is that of Henry et al. (2020). The backward pass is written out: a
    third of the passes over memory of autograd's, and no second derivative. The norms are fp32: in
    bf16 their backward pass takes 3.5 times as long.

    Args:
        x: Queries, keys and values of all heads.
        query_gain: Weight and bias of the layer norm of the queries.
        key_gain: Weight and bias of the layer norm of the keys.
        order: Permutation of the axes ``places``.

    Returns:
        Queries, keys and values.
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
