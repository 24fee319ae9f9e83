"""Exact nearest neighbors of tensors: on any device, with gradients of the cosines.

Banks in files are searched by ``blockwise``, without torch, whose import alone costs a second.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from astroclip.metrics import TOGETHER

Vectors = Float[np.ndarray, "galaxies dim"]


class Found(NamedTuple):
    """Nearest neighbors in a bank.

    Args:
        cosine: Cosine similarity of each query with its neighbors, descending.
        number: Index of each neighbor in the bank.
    """

    cosine: Float[Tensor, "queries k"]
    number: Int64[Tensor, "queries k"]


def nearest(
    queries: Float[Tensor, "queries dim"], bank: Float[Tensor, "bank dim"], k: int
) -> Found:
    """Find the nearest neighbors of each query in a bank, by exhaustive search.

    Args:
        queries: Unit vectors.
        bank: Unit vectors.
        k: Number of neighbors.

    Returns:
        The neighbors, nearest first.

    Raises:
        ValueError: If the bank has fewer than ``k`` vectors.
    """
    if not 1 <= k <= len(bank):
        raise ValueError(f"k: {k} is not between 1 and {len(bank)}, the size of the bank")
    step = max(1, TOGETHER // len(bank))
    parts = [torch.topk(some @ bank.mT, k) for some in queries.split(step)]
    return Found(torch.cat([p.values for p in parts]), torch.cat([p.indices for p in parts]))


def unit(vectors: Vectors) -> torch.Tensor:
    """Normalize vectors to norm 1, for cosines."""
    return torch.nn.functional.normalize(torch.from_numpy(np.array(vectors, np.float32)), dim=1)
