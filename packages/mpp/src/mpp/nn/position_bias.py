"""Position bias of attention along one axis: relative (T5), continuous, or none.

Along a periodic axis of ``K`` tokens the distance is circular: ``d = ((k - q + K/2) mod K) - K/2``,
with the two antipodes ``+-K/2`` taken as one, so that the scores of a shifted domain are the
shifted scores for even and odd ``K``. The original's distance (``legacy``) gives the antipodes two
buckets for an even ``K`` and wrong distances for an odd one.
"""

import math
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from mpp.simulate.boundary import Boundary
from sciformer.arguments import ArgumentError
from sciformer.nn.tensor_cache import kept

Bias = Literal["relative", "continuous", "none"]
BUCKETS = 32  # half of them for each sign
MAX_DISTANCE = 32  # tokens; what is farther shares a bucket


class RelativeBias(nn.Module):
    """Relative position bias: one learned number per head and distance bucket (Raffel et al. 2020).

    Args:
        heads: Number of attention heads.
        legacy: Use the original's inexact distances along periodic axes.
    """

    def __init__(self, heads: int, legacy: bool = False) -> None:
        super().__init__()
        self.legacy = legacy
        self.weight = nn.Parameter(torch.randn(BUCKETS, heads))

    def forward(self, length: int, boundary: Boundary) -> Float[Tensor, "heads {length} {length}"]:
        place = buckets(length, boundary == "periodic", self.legacy, self.weight.device)
        return self.weight.index_select(0, place).T.unflatten(1, (length, length))


class ContinuousBias(nn.Module):
    """Continuous position bias: an MLP of the distance over the axis length (Liu et al. 2022).

    Its values lie between 0 and 16.

    Args:
        heads: Number of attention heads.
        hidden: Width of the MLP.
    """

    def __init__(self, heads: int, hidden: int = 512) -> None:
        super().__init__()
        self.up = nn.Linear(1, hidden)
        self.down = nn.Linear(hidden, heads, bias=False)

    def forward(self, length: int, boundary: Boundary) -> Float[Tensor, "heads {length} {length}"]:
        weight = self.up.weight
        values, place = coordinates(length, boundary == "periodic", weight.device)
        with torch.autocast(weight.device.type, enabled=False):  # positions need more than 8 bits
            table = self.down(self.up(values.to(weight.dtype)).relu())
            table = 16 * table.sigmoid()
        return table.index_select(0, place).T.unflatten(1, (length, length))


class NoBias(nn.Module):
    """No position bias."""

    def forward(self, length: int, boundary: Boundary) -> None:
        return None


def make_bias(kind: Bias, heads: int, legacy: bool) -> nn.Module:
    """Build a position bias by name; ``ValueError`` for an unknown one."""
    if kind == "relative":
        return RelativeBias(heads, legacy)
    if kind == "continuous":
        return ContinuousBias(heads)
    if kind == "none":
        return NoBias()
    raise ArgumentError("bias", f"{kind!r} is none of {', '.join(get_args(Bias))}")


@kept(256)
def buckets(
    length: int, periodic: bool, legacy: bool, device: torch.device
) -> Int64[Tensor, " pairs"]:
    """Distance bucket of each pair of query and key, row by row; cached."""
    with torch.inference_mode(False):  # validation may fill the cache first; training must read it
        distance = _distances(length, periodic and not legacy)
        if periodic and legacy:
            half = length // 2
            low, high = distance < -half, distance > half
            distance = torch.where(low, distance.remainder(max(half, 1)), distance)
            distance = torch.where(high, distance.remainder(-max(half, 1)), distance)
        return _bucket(distance).flatten().to(device)


@kept(256)
def coordinates(
    length: int, periodic: bool, device: torch.device
) -> tuple[Float[Tensor, "distances 1"], Int64[Tensor, " pairs"]]:
    """Distinct distances over the axis length, and the index of each pair's; cached."""
    with torch.inference_mode(False):
        values, place = _distances(length, periodic).unique(return_inverse=True)
        return (values / max(length - 1, 1))[:, None].to(device), place.flatten().to(device)


def _distances(length: int, periodic: bool) -> Tensor:
    position = torch.arange(length)
    distance = position - position[:, None]  # key minus query
    if not periodic:
        return distance
    # From -ceil(K/2) + 1 to floor(K/2): the antipode of an even K is K/2 on both sides.
    before = (length + 1) // 2 - 1
    return (distance + before) % length - before


def _bucket(distance: Tensor) -> Tensor:
    """T5's buckets: one each below a distance of 8, then logarithmic up to ``MAX_DISTANCE``."""
    side = BUCKETS // 2
    exact = side // 2
    size = distance.abs()
    steps = (size.clamp(min=1) / exact).log() / math.log(MAX_DISTANCE / exact) * (side - exact)
    far = (exact + steps.long()).clamp(max=side - 1)
    return side * (distance > 0) + torch.where(size < exact, size, far)
