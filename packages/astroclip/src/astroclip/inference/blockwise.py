"""Exact nearest neighbors by cosine among vectors that are read block by block."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64, Shaped

ROWS, QUERIES = 4096, 256  # of a matrix of cosines, which is still in the cache when it is searched
SMALLEST = 1e-12  # norm by which a vector is divided at least, as torch's normalize has it

Vectors = Float32[np.ndarray, "_ dim"]


class Neighbors(NamedTuple):
    """Nearest neighbors in a bank.

    Args:
        cosine: Cosine similarity of each query with its neighbors, descending.
        number: Index of each neighbor in the bank; of equal ones the lowest first.
    """

    cosine: Float32[np.ndarray, "queries k"]
    number: Int64[np.ndarray, "queries k"]


def search_blocks(
    queries: Float32[np.ndarray, "queries dim"], blocks: Iterable[Vectors], k: int
) -> Neighbors:
    """Find the k nearest of each query; each block is used once, and not copied.

    Args:
        queries: Unit vectors.
        blocks: Vectors of the bank in order, of any norm; at least ``k`` in all.
        k: Number of neighbors.

    Returns:
        The neighbors, nearest first.
    """
    cosine = np.full((len(queries), k), -np.inf, np.float32)
    number = np.zeros((len(queries), k), np.int64)
    space = np.empty(QUERIES * ROWS, np.float32)
    first = 0
    for block in blocks:
        for rows in np.split(block, range(ROWS, len(block), ROWS)):
            scale = 1 / np.maximum(np.sqrt(np.einsum("ij,ij->i", rows, rows)), SMALLEST)
            for start in range(0, len(queries), QUERIES):
                some = slice(start, start + QUERIES)
                count = len(queries[some])
                found = space[: count * len(rows)].reshape(count, len(rows))
                np.matmul(queries[some], rows.T, out=found)
                found *= scale
                _update(cosine[some], number[some], found, first)
            first += len(rows)
    return Neighbors(cosine, number)


def _update(
    cosine: Float32[np.ndarray, "queries k"],
    number: Int64[np.ndarray, "queries k"],
    found: Shaped[np.ndarray, "queries rows"],
    first: int,
) -> None:
    """Put what is nearer than the farthest neighbor so far in its place."""
    k = cosine.shape[1]
    floor = cosine[:, -1]
    if np.isneginf(floor).any() and found.shape[1] > k:  # at first all would be candidates
        floor = np.maximum(floor, np.partition(found, -k, axis=1)[:, -k] - np.float32(1e-6))
    for row in np.flatnonzero(found.max(1) > floor).tolist():
        own = np.flatnonzero(found[row] > floor[row])
        values = np.concatenate([cosine[row], found[row, own]])
        numbers = np.concatenate([number[row], first + own])
        best = np.argsort(-values, kind="stable")[:k]  # earlier ones stand in front
        cosine[row], number[row] = values[best], numbers[best]
