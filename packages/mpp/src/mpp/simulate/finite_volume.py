r"""Second-order finite-volume method (MUSCL): ghost cells, limited slopes, flux differences.

$$\dot{\bar q}_i = -\big(F(q^-_{i+1/2}, q^+_{i+1/2}) - F(q^-_{i-1/2}, q^+_{i-1/2})\big) / \Delta x$$
per axis, with face values extrapolated from both sides (MUSCL, van Leer 1979, J. Comput. Phys. 32).
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from mpp.simulate.boundary import Boundary

TINY = 1e-30  # avoids 0 / 0 in the limiter; slopes below 1e-15 are rounding errors


def padded(q: Tensor, dim: int, boundary: Boundary, width: int) -> Tensor:
    """Add ``width`` ghost cells to both ends of an axis: wrapped if periodic, else edge values."""
    size = q.shape[dim]
    if boundary == "periodic":
        low, high = q.narrow(dim, size - width, width), q.narrow(dim, 0, width)
    elif boundary == "open":
        low, high = (q.narrow(dim, at, 1) for at in (0, size - 1))
        low, high = (torch.cat([edge] * width, dim) for edge in (low, high))
    else:
        raise ValueError(f"boundary is {boundary!r}; 'periodic' or 'open' needed")
    return torch.cat((low, q, high), dim)


def faces(q: Tensor, dim: int, boundary: Boundary) -> tuple[Tensor, Tensor]:
    """MUSCL values on the left and right of each face along an axis; one face more than cells.

    The slope is van Leer's harmonic mean of the two one-sided differences a and b,
    2 a b / (a + b) where they agree in sign and 0 where they do not.
    """
    q = padded(q, dim, boundary, 2)
    size = q.shape[dim]
    a = q.narrow(dim, 1, size - 1) - q.narrow(dim, 0, size - 1)
    a, b = a.narrow(dim, 0, size - 2), a.narrow(dim, 1, size - 2)
    total = a + b
    half = (a * b).clamp_min_(0.0).mul_(total).div_(total.mul_(total).add_(TINY))  # half a slope
    center = q.narrow(dim, 1, size - 2)
    left = (center + half).narrow(dim, 0, size - 3)
    return left, (center - half).narrow(dim, 1, size - 3)


def conservative_rate(
    primitive: Float[Tensor, "trajectory field *grid"],
    flux: Callable[[Tensor, Tensor, int], Tensor],
    boundaries: tuple[Boundary, ...],
    spacing: tuple[float, ...],
) -> Float[Tensor, "trajectory field *grid"]:
    """Rate of change of cell averages: minus the divergence of the fluxes.

    Args:
        primitive: Variables that are extrapolated to the faces.
        flux: Numerical flux from (left values, right values, axis).
        boundaries: Boundary of each spatial axis.
        spacing: Width of a cell along each spatial axis.

    Returns:
        Rate of change per unit volume.
    """
    axes = len(spacing)
    rate = torch.zeros_like(primitive)
    for axis, (boundary, width) in enumerate(zip(boundaries, spacing, strict=True)):
        dim = axis - axes
        through = flux(*faces(primitive, dim, boundary), axis)
        cells = primitive.shape[dim]
        rate -= (through.narrow(dim, 1, cells) - through.narrow(dim, 0, cells)) / width
    return rate
