"""The block of the AViT: attention over time, attention along the axes of space, MLP."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from mpp.nn.attention import AxialAttention, TemporalAttention
from mpp.nn.bias import Bias, Boundary
from mpp.nn.drop_path import DropPath
from mpp.nn.linear import Linear
from mpp.nn.norm import DeviationNorm
from sciformer.nn.block import Block


class SpaceTimeBlock(Block):
    """Mix tokens over time, then over space, then channels; each with its residual.

    Args:
        dim: Width of the residual stream.
        heads: Number of attention heads; divides ``dim``.
        bias: Of the scores: ``relative``, ``continuous`` or ``none``.
        legacy: Take the original's inexact distances along periodic axes.
        eps: Of the norms over space.
        layer_scale: First value of the gain of each branch.
        drop_path: Chance that a branch is left out for a sample.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        bias: Bias = "relative",
        legacy: bool = False,
        eps: float = 1e-3,
        layer_scale: float = 1e-6,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.temporal = TemporalAttention(dim, heads, bias, layer_scale)
        self.spatial = AxialAttention(dim, heads, bias, legacy, eps, layer_scale)
        self.up = Linear(dim, 4 * dim)
        self.down = Linear(4 * dim, dim)
        self.mlp_norm = DeviationNorm(dim, eps)
        self.mlp_gain = nn.Parameter(torch.full((dim,), layer_scale))
        self.drop = DropPath(drop_path)

    def forward(
        self,
        x: Float[Tensor, "batch time tokens dim"],
        grid: tuple[int, ...],
        boundaries: tuple[Boundary, ...],
        last: bool = False,
    ) -> Float[Tensor, "batch queries tokens dim"]:
        """Mix; with ``last``, give the last frame only, which is all that a last block is for."""
        mixed = self.temporal(x, last)
        x = (x[:, -1:] if last else x) + self.drop(mixed)
        frames = x.shape[:2]
        x = x + self.drop(self.spatial(x.flatten(0, 1), grid, boundaries).unflatten(0, frames))
        return x + self.drop(self.mlp(x.flatten(0, 1)).unflatten(0, frames))

    def mlp(self, x: Float[Tensor, "frames tokens dim"]) -> Float[Tensor, "frames tokens dim"]:
        """Mix channels; the norm comes last and takes the gain of the branch."""
        return self.mlp_norm(self.down(gelu(self.up(x))), self.mlp_gain)
