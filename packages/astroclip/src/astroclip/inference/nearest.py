"""Search among embeddings: the nearest of a bank by cosine, exactly, and how often it is right."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

TOGETHER = 2**25  # cosines that are in memory at once: 128 MiB


class Found(NamedTuple):
    """The nearest of a bank.

    Args:
        cosine: Of each query with each of them, falling.
        number: Of each in the bank.
    """

    cosine: Float[Tensor, "queries k"]
    number: Int64[Tensor, "queries k"]


def nearest(
    queries: Float[Tensor, "queries dim"], bank: Float[Tensor, "bank dim"], k: int
) -> Found:
    """Find the nearest of a bank to each query, all of which are compared.

    Args:
        queries: Of norm 1.
        bank: Of norm 1.
        k: How many.

    Returns:
        Them, the nearest first.

    Raises:
        ValueError: If the bank has fewer.
    """
    if not 1 <= k <= len(bank):
        raise ValueError(f"k: {k} is not between 1 and {len(bank)}, the size of the bank")
    step = max(1, TOGETHER // len(bank))
    parts = [torch.topk(some @ bank.mT, k) for some in queries.split(step)]
    return Found(torch.cat([p.values for p in parts]), torch.cat([p.indices for p in parts]))


def ranks(
    queries: Float[Tensor, "pairs dim"], bank: Float[Tensor, "pairs dim"]
) -> Int64[Tensor, " pairs"]:
    """How many of a bank are nearer to each query than its own partner is; 0 is the best.

    Args:
        queries: Of norm 1.
        bank: Of norm 1, its partners in the same order.

    Returns:
        The ranks; of what is as near as the partner one half counts, rounded up.
    """
    step = max(1, TOGETHER // len(bank))
    found = []
    for first in range(0, len(queries), step):
        cosines = queries[first : first + step] @ bank.mT
        own = cosines.diagonal(first)[:, None]
        above, level = (cosines > own).sum(1), (cosines == own).sum(1) - 1
        found.append(above + (level + 1) // 2)
    return torch.cat(found)


def recalls(rank: Int64[Tensor, " pairs"], ks: Sequence[int] = (1, 5, 10)) -> dict[int, float]:
    """The share of queries whose partner is among the k nearest.

    Args:
        rank: As ``ranks`` gives them.
        ks: Each k.

    Returns:
        k -> share.
    """
    return {k: (rank < k).double().mean().item() for k in ks}
