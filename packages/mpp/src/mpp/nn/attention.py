"""Attention over time and along each axis of space (McCabe et al. 2023, section 4)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpp.nn.bias import Bias, Boundary, make_bias
from mpp.nn.linear import Linear, linear
from mpp.nn.norm import DeviationNorm, InstanceNorm
from mpp.nn.short_attention import attend_lines
from mpp.nn.split_qkv import split_heads
from sciformer.nn.attention import divide


class Heads(nn.Module):
    """What both attentions share: queries and keys normalized per head, a bias, a scaled output.

    Args:
        dim: Width of the tokens.
        heads: Number of heads; divides ``dim``.
        bias: Of the scores: ``relative``, ``continuous`` or ``none``.
        legacy: Take the original's inexact distances along periodic axes.
        layer_scale: First value of the gain of each output channel.
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
    ) -> tuple[
        Float[Tensor, "heads *ordered head_dim"],
        Float[Tensor, "heads *ordered head_dim"],
        Float[Tensor, "heads *ordered head_dim"],
    ]:
        """Queries, keys and values, heads first, the axes of places in the order given."""
        x = self.query_key_value(x).unflatten(-1, (3, self.heads, -1))
        query, key = self.query_norm, self.key_norm
        return split_heads(x, (query.weight, query.bias), (key.weight, key.bias), order)

    def project(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """The output layer, its gain folded into the weights: they are fewer than the tokens."""
        return linear(x, self.out.weight * self.gain[:, None], self.out.bias * self.gain)


class TemporalAttention(nn.Module):
    """Each place attends to itself at other times: ``g Wo norm(attend(qkv(norm(x))))``.

    Args:
        dim: Width of the tokens.
        heads: Number of heads; divides ``dim``.
        bias: Of the scores: ``relative``, ``continuous`` or ``none``.
        layer_scale: First value of the gain of each output channel.
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
    """Each token attends along each axis of space; the mean over the axes goes on.

    The axes share queries, keys, values and the bias; each has its own boundary.

    Args:
        dim: Width of the tokens.
        heads: Number of heads; divides ``dim``.
        bias: Of the scores: ``relative``, ``continuous`` or ``none``.
        legacy: Take the original's inexact distances along periodic axes.
        eps: Of the norms.
        layer_scale: First value of the gain of each output channel.
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
            one = along(q, k, v, axis + 2, bias)
            total = one if total is None else total + one
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
    """Attend along one axis, every line of tokens by itself."""
    if v.shape[axis] == 1 and v.shape[1:-1].numel() > v.shape[1]:
        return v  # a token that sees only itself; were there no other, nothing would use the bias
    q, k, v = (z.movedim(axis, -2) for z in (q, k, v))  # (heads, F, others, L, head_dim)
    lines = q.shape[1:-2]
    out = attend_lines(q.flatten(1, -3), k.flatten(1, -3), v.flatten(1, -3), bias)
    return out.unflatten(1, lines).movedim(-2, axis)
