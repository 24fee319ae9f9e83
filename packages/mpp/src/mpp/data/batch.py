"""What the network sees at a step, and what it shall predict."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.utils.data import get_worker_info

from mpp.data.description import Boundary


class Batch(NamedTuple):
    """Windows of one system.

    Only the first two have an entry per sample. What all samples of a batch share is said once:
    its fields as rows of the vocabulary, in the order of the arrays; the boundaries by name on the
    host, as the network takes them (to look at a tensor would wait for the GPU); and the number of
    the system.
    """

    frames: Float[Tensor, "batch time fields *space"]
    target: Float[Tensor, "batch horizon fields *space"]
    fields: Int64[Tensor, " fields"]
    boundaries: tuple[Boundary, ...]
    system: int


def empty(shape: tuple[int, ...]) -> Float[Tensor, "..."]:
    """Room for an array of a batch; in a worker memory that the trainer shares, so not copied."""
    room = torch.from_numpy(np.empty(shape, np.float32))
    return room.share_memory_() if get_worker_info() is not None else room
