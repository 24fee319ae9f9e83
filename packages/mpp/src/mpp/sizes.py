"""Sizes of fields over a data set, in their units: what the floors of losses and errors are of.

With them no number depends on the units: the same field in SI units, 1e-6 times as large, has the
same loss and the same errors.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Float64
from torch import Tensor

KINDS = ("square", "variance", "change")  # rows of sizes: RMS, deviation over space, RMS change
FLOOR = 1e-7  # of the squared size, added to a mean square; as in the paper's code for size 1
ROUNDING = 1e-7  # of the RMS, in fp32; a deviation or change below it is none

Sizes = Float[Tensor, "3 fields"]


def sizes_of(pieces: Iterable[Float[Tensor, "batch time fields *space"]]) -> Sizes:
    """Sizes of fields over some frames.

    Args:
        pieces: Consecutive frames.

    Returns:
        RMS, RMS deviation from the mean over space, and RMS change between frames of each field, in
        fp32. Where a field does not vary, its RMS takes the place of the others; where it is zero,
        all are 1.

    Raises:
        ValueError: If there are no frames.
    """
    squares = [_mean_squares(frames) for frames in pieces]
    if not squares:
        raise ValueError("no frames that can be read")
    square, variance, change = torch.stack(squares).mean(0).sqrt()
    square = square.where(square > 0, 1.0)
    varying = (found.where(found > ROUNDING * square, square) for found in (variance, change))
    return torch.stack([square, *varying]).float()


def _mean_squares(
    frames: Float[Tensor, "batch time fields *space"],
) -> Float64[Tensor, "3 fields"]:
    found = []
    for field in frames.detach().unbind(2):  # one by one: a copy in fp64 of all would be large
        x = field.double().flatten(2)
        change = x.diff(dim=1) if x.shape[1] > 1 else x.new_zeros(1)
        deviation = x - x.mean(2, keepdim=True)
        found.append(torch.stack([part.square().mean() for part in (x, deviation, change)]))
    return torch.stack(found, 1)
