"""Patch embedding: fields to tokens and back (hMLP stem, Touvron et al. 2022, and its inverse).

The original embeds every field at every point and convolves the result. Here the product of the two
linear maps is computed first, for the fields that are present: the embedding at full resolution, 64
times as large as the tokens, is never written.

A patch of 16 in stages ``(4, 2, 2)`` is 2 x 2 pieces of 2 x 2 windows of 4 x 4 points. The windows
of a piece, and the pieces of a patch, are contiguous in memory. So each stage, a convolution whose
stride is its width, is one matrix product.
"""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import gelu, pad

from mpp.nn.linear import Linear, linear
from mpp.nn.normalization import DeviationNorm
from mpp.simulate.boundary import Boundary


class Stem(nn.Module):
    """Embed patches of the fields that are present as tokens, by strided convolutions.

    Each stage is a convolution as wide as its stride, followed by a norm; a GELU between stages.

    Args:
        fields: Number of fields in the vocabulary.
        dim: Width of the tokens; a multiple of 4.
        stages: Strides, the first in points; their product is the patch size.
        axes: Number of space axes.
        halo: Points by which the first kernel is wider on each side.
        eps: Added to the standard deviation in the norms.
    """

    def __init__(
        self, fields: int, dim: int, stages: tuple[int, ...], axes: int, halo: int, eps: float
    ) -> None:
        super().__init__()
        self.stages = stages
        self.halo = halo
        hidden = dim // 4
        widths = [hidden] * (len(stages) - 1) + [dim]
        points = (stages[0] + 2 * halo) ** axes
        self.field_weight = nn.Parameter(torch.empty(hidden, fields))
        self.field_bias = nn.Parameter(torch.empty(hidden))
        self.kernel = nn.Parameter(torch.empty(widths[0], hidden, points))
        self.merges = nn.ModuleList(
            Linear(stage**axes * hidden, width, bias=False)
            for stage, width in zip(stages[1:], widths[1:], strict=True)
        )
        self.gathered = [stage**axes * hidden for stage in stages[1:]]
        self.norms = nn.ModuleList(DeviationNorm(width, eps) for width in widths)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw from U(-b, b) with b = 1 / sqrt(number of inputs), as the original does."""
        uniform(self.field_weight, self.field_weight.shape[1])
        uniform(self.field_bias, self.field_weight.shape[1])
        uniform(self.kernel, self.kernel[0].numel())

    def forward(
        self,
        x: Float[Tensor, "frames fields *space"],
        fields: Int64[Tensor, " fields"],
        boundaries: tuple[Boundary, ...],
    ) -> Float[Tensor, "frames tokens dim"]:
        x = extend(x, boundaries, math.prod(self.stages), self.halo)
        x = cut(x, self.stages, self.halo)
        x = self.norms[0](linear(x, *self.merged(fields)))
        stages = zip(self.gathered, self.merges, self.norms[1:], strict=True)
        for gathered, merge, norm in stages:
            x = norm(merge(gelu(x).reshape(x.shape[0], -1, gathered)))
        return x

    def merged(
        self, fields: Int64[Tensor, " fields"]
    ) -> tuple[Float[Tensor, "width values"], Float[Tensor, " width"]]:
        """Multiply the field embedding and the first convolution, in fp32 under autocast too."""
        with torch.autocast(self.kernel.device.type, enabled=False):
            rows = self.field_weight.index_select(1, fields)
            weight = torch.einsum("oip,if->ofp", self.kernel, rows).flatten(1)
            return weight, self.kernel.sum(2) @ self.field_bias


class Head(nn.Module):
    """Decode tokens to patches of the requested fields, by transposed strided convolutions.

    Args:
        fields: Number of fields in the vocabulary.
        dim: Width of the tokens; a multiple of 4.
        stages: Strides of the stem, which the head undoes in reverse order.
        axes: Number of space axes.
        eps: Added to the standard deviation in the norms.
    """

    def __init__(
        self, fields: int, dim: int, stages: tuple[int, ...], axes: int, eps: float
    ) -> None:
        super().__init__()
        self.stages = stages
        hidden = dim // 4
        inner = list(reversed(stages[1:]))
        widths = [dim] + [hidden] * len(inner)
        self.splits = nn.ModuleList(
            Linear(width, stage**axes * hidden, bias=False)
            for stage, width in zip(inner, widths, strict=False)
        )
        self.norms = nn.ModuleList(DeviationNorm(hidden, eps) for _ in inner)
        self.hidden = hidden
        self.kernel = nn.Parameter(torch.empty(widths[-1], fields, stages[0] ** axes))
        self.bias = nn.Parameter(torch.empty(fields))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw from U(-b, b) with b = 1 / sqrt(fields x points), as the original does."""
        uniform(self.kernel, self.kernel[0].numel())
        uniform(self.bias, self.kernel[0].numel())

    def forward(
        self,
        x: Float[Tensor, "frames tokens dim"],
        fields: Int64[Tensor, " fields"],
        grid: tuple[int, ...],
    ) -> Float[Tensor, "frames fields *covered"]:
        for split, norm in zip(self.splits, self.norms, strict=True):
            x = gelu(norm(split(x).reshape(x.shape[0], -1, self.hidden)))
        weight = self.kernel.index_select(1, fields)
        bias = self.bias.index_select(0, fields).repeat_interleave(weight.shape[2])
        return join(linear(x, weight.flatten(1).T, bias), self.stages, grid)


def uniform(parameter: Tensor, inputs: int) -> None:
    """Draw a parameter from U(-b, b) with b = 1 / sqrt(inputs)."""
    bound = inputs**-0.5
    nn.init.uniform_(parameter, -bound, bound)


def tokens_along(size: int, patch: int) -> int:
    """Number of patches that cover an axis of ``size`` points."""
    return -(-size // patch)


def extend(
    x: Float[Tensor, "frames fields *space"],
    boundaries: tuple[Boundary, ...],
    patch: int,
    halo: int,
) -> Float[Tensor, "frames fields *wider"]:
    """Pad each axis to whole patches and add a halo on both sides.

    Padding is circular on a periodic axis, by the edge value on an open one, by zeros on a wall.
    """
    for axis, boundary in enumerate(boundaries, start=2):
        size = x.shape[axis]
        after = tokens_along(size, patch) * patch - size + halo
        if after == 0:
            continue
        if boundary == "wall":
            x = pad(x, (0, 0) * (x.ndim - 1 - axis) + (halo, after))
            continue
        place = torch.arange(-halo, size + after, device=x.device)
        place = place % size if boundary == "periodic" else place.clamp(0, size - 1)
        x = x.index_select(axis, place)
    return x


def cut(
    x: Float[Tensor, "frames fields *wider"], stages: tuple[int, ...], halo: int
) -> Float[Tensor, "frames windows values"]:
    """Cut frames into windows, grouped by token; a window's values are by field, then by point."""
    axes = x.ndim - 2
    for axis in range(axes):
        x = x.unfold(2 + axis, stages[0] + 2 * halo, stages[0])
    split = (-1, *reversed(stages[1:]))  # tokens, pieces, windows
    for axis in reversed(range(axes)):
        x = x.unflatten(2 + axis, split)
    depth = len(split)
    order = [2 + axis * depth + level for level in range(depth) for axis in range(axes)]
    points = range(x.ndim - axes, x.ndim)
    x = x.permute(0, *order, 1, *points)
    values = x.shape[-axes - 1 :].numel()
    return x.reshape(x.shape[0], -1, values)


def join(
    x: Float[Tensor, "frames windows values"], stages: tuple[int, ...], grid: tuple[int, ...]
) -> Float[Tensor, "frames fields *covered"]:
    """Reassemble frames from windows: the inverse of ``cut`` without halo."""
    axes = len(grid)
    pieces = [(size,) * axes for size in reversed(stages[1:])]
    shape = (*grid, *(size for piece in pieces for size in piece), -1, *(stages[0],) * axes)
    x = x.reshape(x.shape[0], *shape)
    depth = len(stages)
    fields = 1 + axes * depth  # levels first, then fields, then points
    order = [1 + level * axes + axis for axis in range(axes) for level in range(depth)]
    points = {axis: fields + 1 + axis for axis in range(axes)}
    whole = []
    for axis in range(axes):
        whole += [*order[axis * depth : (axis + 1) * depth], points[axis]]
    x = x.permute(0, fields, *whole)
    patch = math.prod(stages)
    return x.reshape(x.shape[0], x.shape[1], *(tokens * patch for tokens in grid))
