"""A batch of MPP: input frames, target frames, and the system that they belong to."""

from typing import NamedTuple

from jaxtyping import Float, Int64
from torch import Tensor

from mpp.simulate.boundary import Boundary
from mpp.sizes import Sizes


class Batch(NamedTuple):
    """Windows of one physical system.

    Args:
        frames: Input frames.
        target: Target frames, which follow the input frames.
        fields: Row of each field in the vocabulary, in the order of the arrays.
        boundaries: Boundary type of each spatial axis; kept on the CPU to avoid synchronizing with
            the GPU.
        system: Index of the system.
        sizes: Sizes of the fields over the data set, see ``mpp.sizes``; None if unknown.
        inside: 1 at points of the domain, 0 at obstacles and land; None if all points are inside.
        parameters: Physical parameters that are inputs, NaN if unknown; None if there are none.
    """

    frames: Float[Tensor, "batch time fields *space"]
    target: Float[Tensor, "batch horizon fields *space"]
    fields: Int64[Tensor, " fields"]
    boundaries: tuple[Boundary, ...]
    system: int
    sizes: Sizes | None = None
    inside: Float[Tensor, "batch 1 *space"] | None = None
    parameters: Float[Tensor, "batch parameters"] | None = None
