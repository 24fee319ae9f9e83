"""Curriculum: stages of a training with different distributions of sequences."""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np

from sciformer.arguments import ArgumentError, check_least, check_share

SPAN = 4  # between the shortest and the longest sequences while lengths grow


class Stage(TypedDict, total=False):
    """Stage of a training; missing values are taken from the data's arguments.

    Args:
        steps: Number of batches; each is an optimizer step, unless gradients accumulate.
        batch_size: Sequences per step at the shortest length. Batches of longer sequences are
            smaller, so that the number of tokens is about constant, in multiples of 4.
        lengths: Minimum and maximum length in tokens; each batch has one length, drawn
            log-uniformly.
        growth: Fraction of the stage in which the maximum length grows geometrically from the
            minimum. Then, and for the rest of the stage, lengths below a quarter of the maximum
            are left out. 0 is no growth, and leaves out none.
        regions: Minimum and maximum number of regions of a sequence.
        density: Minimum and maximum probability of a 1.
        uneven: Fraction of the sequences in which one region takes up a random part of the whole,
            with counts as large as in sequences several times as long.
    """

    steps: int
    batch_size: int
    lengths: list[int]
    growth: float
    regions: list[int]
    density: list[float]
    uneven: float


class Part(NamedTuple):
    """A stage with all values filled in; see ``Stage``."""

    steps: int
    batch_size: int
    lengths: tuple[int, int]
    growth: float
    regions: tuple[int, int]
    density: tuple[float, float]
    uneven: float = 0.0


def window(part: Part, progress: float) -> tuple[float, float]:
    """Minimum and maximum length at a point of a stage, from 0 (start) to 1 (end)."""
    shortest, longest = map(float, part.lengths)
    if not part.growth:
        return shortest, longest
    reached = shortest * (longest / shortest) ** min(1.0, progress / part.growth)
    return max(shortest, reached / SPAN), reached


def check(part: Part, lengths: str = "lengths") -> None:
    """Raise an ArgumentError for the first invalid number of a stage.

    Args:
        part: Stage to check.
        lengths: Name of the length argument in errors; the data have a single ``length``.
    """
    check_least(steps=(part.steps, 1), batch_size=(part.batch_size, 1))
    check_range(lengths, part.lengths, 1, np.inf)
    check_range("regions", part.regions, 1, np.inf)
    check_range("density", part.density, 0, 1)
    check_share(growth=part.growth, uneven=part.uneven)
    check_room(lengths, part.lengths[0], part.regions[1])


def check_range(
    name: str, bounds: Sequence[float | int], low: float | int, high: float | int
) -> None:
    """Raise an ArgumentError if a range is empty or exceeds its limits."""
    if len(bounds) != 2 or not low <= bounds[0] <= bounds[1] <= high:
        values = bounds[0] if len(set(bounds)) == 1 else list(bounds)
        raise ArgumentError(name, f"{values} does not lie between {low} and {high}, lowest first")


def check_room(name: str, shortest: int, most: int) -> None:
    """Raise an ArgumentError if sequences are too short for their regions."""
    if shortest < 2 * most:
        raise ArgumentError(
            name,
            f"{shortest} is too short for regions {most}: each region needs two delimiters, "
            f"together {2 * most} tokens",
        )
