"""Cut space into patches of patches, so that each stage of the stem is one matrix product.

A patch of 16 in stages ``(4, 2, 2)`` is 2 x 2 pieces of 2 x 2 windows of 4 x 4 points. With the
windows of a piece, and the pieces of a patch, beside each other in memory, a convolution whose
stride is its width is a linear layer over what lies together.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from mpp.nn.bias import Boundary


def tokens_along(size: int, patch: int) -> int:
    """How many patches cover an axis."""
    return -(-size // patch)


def extend(
    x: Float[Tensor, "frames fields *space"],
    boundaries: tuple[Boundary, ...],
    patch: int,
    halo: int,
) -> Float[Tensor, "frames fields *wider"]:
    """Add points until whole patches cover each axis, and a halo on both sides.

    A periodic axis goes on with its other end, an open one with its edge; beyond a wall are zeros.
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
    """Cut into windows, those of a token beside each other; ``values`` is fields, then points."""
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
    return x.reshape(len(x), -1, values)


def join(
    x: Float[Tensor, "frames windows values"], stages: tuple[int, ...], grid: tuple[int, ...]
) -> Float[Tensor, "frames fields *covered"]:
    """Undo ``cut`` without halo."""
    axes = len(grid)
    pieces = [(size,) * axes for size in reversed(stages[1:])]
    shape = (*grid, *(size for piece in pieces for size in piece), -1, *(stages[0],) * axes)
    x = x.reshape(len(x), *shape)
    depth = len(stages)
    fields = 1 + axes * depth  # levels first, then fields, then points
    order = [1 + level * axes + axis for axis in range(axes) for level in range(depth)]
    points = {axis: fields + 1 + axis for axis in range(axes)}
    whole = []
    for axis in range(axes):
        whole += [*order[axis * depth : (axis + 1) * depth], points[axis]]
    x = x.permute(0, fields, *whole)
    patch = math.prod(stages)
    return x.reshape(len(x), x.shape[1], *(tokens * patch for tokens in grid))
