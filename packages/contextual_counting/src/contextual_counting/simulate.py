"""The task: sequences of 0, 1 and delimited regions, and the number of 1s in each region.

Provenance: Golkar et al. 2024 (arXiv 2406.02585), section 1. The paper does not say how delimiters
are placed; 2R distinct positions drawn uniformly reproduce its chance levels.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64
from numpy.random import Generator

ZERO, ONE, OPEN, CLOSE = range(4)
NO_REGION = -100  # the count of a region that a sequence does not have; ignored by the loss


class Sequences(NamedTuple):
    """Tokens and, per region, the number of 1s strictly inside it."""

    tokens: Int64[np.ndarray, "samples time"]
    counts: Int64[np.ndarray, "samples regions"]


def simulate(
    rng: Generator,
    samples: int,
    length: int,
    regions: tuple[int, int],
    density: tuple[float, float] = (0.5, 0.5),
) -> Sequences:
    """Draw sequences with non-overlapping regions at uniformly random places.

    Args:
        rng: Source of all randomness.
        samples: Number of sequences.
        length: Tokens per sequence.
        regions: Fewest and most regions of a sequence; each number is equally likely.
        density: Lowest and highest probability of a 1; uniform, one draw per sequence.

    Returns:
        Tokens and counts; ``NO_REGION`` stands for the count of a region that is not there.
    """
    few, many = regions
    numbers = rng.integers(few, many, samples, endpoint=True)
    ones = rng.uniform(*density, (samples, 1)).astype(np.float32)
    tokens = (rng.random((samples, length), dtype=np.float32) < ones).astype(np.int64)

    edges = _edges(rng, samples, length, numbers, many)  # (samples, 2 * many), length where absent
    rows, present = np.arange(samples)[:, None], edges < length
    marks = np.tile([OPEN, CLOSE], many)
    row, column = np.nonzero(present)
    tokens[row, edges[row, column]] = marks[column]

    before = np.zeros((samples, length + 1), np.int64)  # 1s before each position
    np.cumsum(tokens == ONE, axis=1, out=before[:, 1:])
    at_edges = before[rows, edges]
    counts = at_edges[:, 1::2] - at_edges[:, ::2]
    counts[~present[:, ::2]] = NO_REGION
    return Sequences(tokens, counts)


def _edges(
    rng: Generator,
    samples: int,
    length: int,
    numbers: Int64[np.ndarray, " samples"],
    many: int,
) -> Int64[np.ndarray, "samples edges"]:
    """Sorted distinct positions, two for each region; ``length`` fills the rest."""
    drawn = np.argpartition(rng.random((samples, length), dtype=np.float32), 2 * many - 1)
    drawn = rng.permuted(drawn[:, : 2 * many], axis=1)
    drawn[np.arange(2 * many) >= 2 * numbers[:, None]] = length
    return np.sort(drawn, axis=1)
