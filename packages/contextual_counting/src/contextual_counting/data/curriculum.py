"""The parts of a training, in each of which sequences are drawn from other distributions."""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np

from sciformer.arguments import ArgumentError, check_least, check_share

SPAN = 4  # between the shortest and the longest sequences while lengths grow


class Stage(TypedDict, total=False):
    """A part of the training; what it does not name is as in the data's own arguments.

    Args:
        steps: Batches; an optimizer step each, unless gradients accumulate.
        batch_size: Sequences per step at the shortest length. Longer batches have fewer, so that
            the number of tokens stays, in multiples of 4.
        lengths: Shortest and longest sequences, in tokens; one length per batch, log-uniform.
        growth: Share of the stage in which the longest grows from the shortest, geometrically;
            meanwhile and after, lengths below a quarter of it are left out. 0 is no growth.
        regions: Fewest and most regions of a sequence.
        density: Lowest and highest probability of a 1.
        uneven: Share of the sequences in which one region takes up a random part of the whole, so
            that its counts are as large as in sequences several times as long.
    """

    steps: int
    batch_size: int
    lengths: list[int]
    growth: float
    regions: list[int]
    density: list[float]
    uneven: float


class Part(NamedTuple):
    """A stage with nothing left open; its fields are those of ``Stage``."""

    steps: int
    batch_size: int
    lengths: tuple[int, int]
    growth: float
    regions: tuple[int, int]
    density: tuple[float, float]
    uneven: float = 0.0


def window(part: Part, progress: float) -> tuple[float, float]:
    """The shortest and longest sequences at a point of a stage, 0 at its start and 1 at its end."""
    shortest, longest = map(float, part.lengths)
    if not part.growth:
        return shortest, longest
    reached = shortest * (longest / shortest) ** min(1.0, progress / part.growth)
    return max(shortest, reached / SPAN), reached


def check(part: Part, lengths: str = "lengths") -> None:
    """Raise an ArgumentError that names the first number of a stage that cannot work.

    Args:
        part: The stage.
        lengths: What its lengths are called; the data have a single ``length`` of their own.
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
    """Raise an ArgumentError if a lowest and a highest number do not lie between two others."""
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
