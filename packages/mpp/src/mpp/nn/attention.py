"""Attention over time and along each axis of space (McCabe et al. 2023, section 4)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpp.nn.bias import Bias, Boundary, make_bias
from mpp.nn.linear import linear
from mpp.nn.norm import DeviationNorm, InstanceNorm
from sciformer.nn.attention import attend, divide


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
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.query_norm = nn.LayerNorm(head_dim)
        self.key_norm = nn.LayerNorm(head_dim)
        self.bias = make_bias(bias, heads, legacy)
        self.out = nn.Linear(dim, dim)
        self.gain = nn.Parameter(torch.full((dim,), layer_scale))

    def split(
        self, x: Float[Tensor, "*batch dim"]
    ) -> tuple[
        Float[Tensor, "*batch heads head_dim"],
        Float[Tensor, "*batch heads head_dim"],
        Float[Tensor, "*batch heads head_dim"],
    ]:
        """Queries, keys and values."""
        given = self.query_key_value
        x = linear(x, given.weight, given.bias)
        q, k, v = x.unflatten(-1, (3, self.heads, -1)).unbind(-3)
        return self.query_norm(q), self.key_norm(k), v

    def project(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """The output layer; its gain is folded into the weights, which are fewer than the tokens."""
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
        q, k, v = (z.permute(0, 2, 3, 1, 4).flatten(0, 1) for z in self.attention.split(y))
        bias = self.attention.bias(time, "open")
        if last:
            q, bias = q[:, :, -1:], None if bias is None else bias[:, -1:]
        y = attend(q, k, v, bias=bias)  # (B N, heads, T, head_dim)
        y = y.unflatten(0, (batch, tokens)).permute(0, 3, 1, 2, 4).reshape(-1, tokens, dim)
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
        q, k, v = (z.unflatten(1, grid) for z in self.attention.split(self.norm(x)))
        total = None
        for axis, boundary in enumerate(boundaries, start=1):
            bias = self.attention.bias(grid[axis - 1], boundary)
            one = along(q, k, v, axis, bias)
            total = one if total is None else total + one
        assert total is not None  # there is an axis
        # The norm of a mean is the norm of the sum but for eps, which grows with the sum.
        y = self.out_norm(total.flatten(1, -3).flatten(2), eps_scale=len(grid))
        return self.attention.project(y)


def along(
    q: Float[Tensor, "frames *grid heads head_dim"],
    k: Float[Tensor, "frames *grid heads head_dim"],
    v: Float[Tensor, "frames *grid heads head_dim"],
    axis: int,
    bias: Float[Tensor, "heads length length"] | None,
) -> Float[Tensor, "frames *grid heads head_dim"]:
    """Attend along one axis, every line of tokens by itself."""
    if v.shape[axis] == 1:
        return v  # a token that sees only itself
    q, k, v = (z.movedim(axis, -2) for z in (q, k, v))  # (F, others, heads, L, head_dim)
    lines = q.shape[:-3]
    out = attend(*(z.flatten(0, -4) for z in (q, k, v)), bias=bias)
    return out.unflatten(0, lines).movedim(-2, axis)
