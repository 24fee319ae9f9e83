"""Contextual counting task: sequences of 0, 1 and delimited regions, with the 1s in each region.

Source: Golkar et al. 2024 (arXiv 2406.02585), section 1. The paper does not say how delimiters are
placed; 2R distinct positions drawn uniformly reproduce its chance levels.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64
from numpy.random import Generator

ZERO, ONE, OPEN, CLOSE = range(4)
NO_REGION = -100  # count of an absent region; ignored by the loss


class Sequences(NamedTuple):
    """Tokens, and the number of 1s inside each region."""

    tokens: Int64[np.ndarray, "samples time"]
    counts: Int64[np.ndarray, "samples regions"]


def simulate(
    rng: Generator,
    samples: int,
    length: int,
    regions: tuple[int, int],
    density: tuple[float, float] = (0.5, 0.5),
    uneven: float = 0.0,
) -> Sequences:
    """Draw sequences with non-overlapping regions at uniformly random places.

    Args:
        rng: Random generator.
        samples: Number of sequences.
        length: Tokens per sequence.
        regions: Smallest and largest number of regions of a sequence; each is equally likely.
        density: Range of the probability of a 1, drawn uniformly for each sequence; in [0, 1].
        uneven: Fraction of sequences in which one random region takes up a random part of the
            sequence: its counts are then as large as in sequences several times as long.

    Returns:
        Tokens and counts; ``NO_REGION`` is the count of an absent region.
    """
    few, many = regions
    numbers = rng.integers(few, many, samples, endpoint=True)
    ones = rng.uniform(*density, (samples, 1)).astype(np.float32)
    tokens = (rng.random((samples, length), dtype=np.float32) < ones).astype(np.int64)

    long = rng.random(samples) < uneven if uneven else np.zeros(samples, bool)
    edges = _edges(rng, length, numbers, many, long)  # (samples, 2 * many), length where absent
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
    length: int,
    numbers: Int64[np.ndarray, " samples"],
    many: int,
    long: Bool[np.ndarray, " samples"],
) -> Int64[np.ndarray, "samples edges"]:
    """Sorted distinct positions of the delimiters, two for each region; padded by ``length``.

    In a sequence with a ``long`` region, all positions are drawn in a first part of log-uniform
    size, and the remaining length is inserted into one region.
    """
    places = rng.random((len(numbers), length), dtype=np.float32)
    inserted = np.zeros((len(numbers), 1), np.int64)
    if long.any():
        inserted[long] = length - 2 * many * (length / (2 * many)) ** rng.random((long.sum(), 1))
        places[np.arange(length) >= length - inserted] = 1
    drawn = np.argpartition(places, 2 * many - 1)
    drawn = rng.permuted(drawn[:, : 2 * many], axis=1)
    drawn[np.arange(2 * many) >= 2 * numbers[:, None]] = length
    edges = np.sort(drawn, axis=1)
    if long.any():
        opening = 2 * rng.integers(numbers)[:, None]
        edges += inserted * ((np.arange(2 * many) > opening) & (edges < length))
    return edges
