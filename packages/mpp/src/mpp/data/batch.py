"""A batch of MPP: frames of the past, frames to predict, and the system they are of."""

from typing import NamedTuple

from jaxtyping import Float, Int64
from torch import Tensor

from mpp.boundary import Boundary


class Batch(NamedTuple):
    """Windows of one physical system.

    Args:
        frames: History.
        target: Frames after it, to predict.
        fields: Row of each field in the vocabulary, in the order of the arrays.
        boundaries: Boundary of each axis of space; on the host, so that no step waits for a GPU.
        system: Index of the system.
    """

    frames: Float[Tensor, "batch time fields *space"]
    target: Float[Tensor, "batch horizon fields *space"]
    fields: Int64[Tensor, " fields"]
    boundaries: tuple[Boundary, ...]
    system: int
