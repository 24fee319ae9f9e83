"""The block of the AViT: attention over time, attention along the axes of space, MLP."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from mpp.nn.attention import AxialAttention, TemporalAttention
from mpp.nn.linear import Linear
from mpp.nn.normalization import DeviationNorm
from mpp.nn.position_bias import Bias
from mpp.simulate.boundary import Boundary
from sciformer.arguments import ArgumentError
from sciformer.nn.block import Block


class SpaceTimeBlock(Block):
    """Temporal attention, axial attention and MLP, each a residual branch.

    Args:
        dim: Width of the residual stream.
        heads: Number of attention heads; divides ``dim``.
        bias: Position bias of the scores: ``relative``, ``continuous`` or ``none``.
        legacy: Use the original's inexact distances along periodic axes.
        eps: Added to the standard deviation in the norms over space.
        layer_scale: Initial value of the gain of each branch.
        drop_path: Probability that a branch is dropped for a sample; in [0, 1).
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
        """Apply the block; ``last`` returns the last frame only, all that the head reads."""
        mixed = self.temporal(x, last)
        x = (x[:, -1:] if last else x) + self.drop(mixed)
        frames = x.shape[:2]
        x = x + self.drop(self.spatial(x.flatten(0, 1), grid, boundaries).unflatten(0, frames))
        return x + self.drop(self.mlp(x.flatten(0, 1)).unflatten(0, frames))

    def mlp(self, x: Float[Tensor, "frames tokens dim"]) -> Float[Tensor, "frames tokens dim"]:
        """Apply the MLP; its norm comes last and includes the LayerScale gain."""
        return self.mlp_norm(self.down(gelu(self.up(x))), self.mlp_gain)


class DropPath(nn.Module):
    """Stochastic depth: drop a residual branch for random samples in training (Huang et al. 2016).

    Kept branches are divided by the probability of being kept. One draw holds for all frames of a
    sample.

    Args:
        rate: Probability that a sample's branch is dropped; in [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0.0 <= rate < 1.0:
            raise ArgumentError("drop_path", f"{rate} is not in [0, 1)")
        self.rate = rate

    def forward(self, x: Float[Tensor, " *sizes"]) -> Float[Tensor, " *sizes"]:
        if not self.training or self.rate == 0.0:
            return x
        shape = (x.shape[0],) + (1,) * (x.ndim - 1)
        keep = torch.empty(shape, dtype=x.dtype, device=x.device).bernoulli_(1.0 - self.rate)
        return x * keep.div_(1.0 - self.rate)
