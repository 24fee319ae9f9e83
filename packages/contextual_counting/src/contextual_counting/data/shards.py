"""``contextual-counting simulate``: write sequences as shards, and read them."""

from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8

from contextual_counting.data.curriculum import check_range, check_room
from contextual_counting.simulate.sequences import simulate as draw
from sciformer.data.shards.command import simulate as write
from sciformer.data.shards.index import Recipe
from sciformer.data.shards.store import Folder

GENERATOR = "contextual_counting.shards:make_sample"
VERSION = "1"
SHARDS = 3  # first word of every seed; training and evaluation sets draw from 0, 1 and 2


class Sample(NamedTuple):
    """A sequence in the smallest data type, and the number of 1s in each region."""

    tokens: UInt8[np.ndarray, " time"]
    counts: Int32[np.ndarray, " regions"]


class Ranges(NamedTuple):
    """Ranges from which sequences are drawn."""

    length: int
    regions: tuple[int, int]
    density: tuple[float, float]


def simulate(
    out: str = "data/contextual_counting",
    shards: int = 8,
    workers: int = 0,
    samples: int = 10_000,
    length: int = 512,
    regions: int | list[int] = 4,
    density: float | list[float] = 0.5,
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Write training sequences as shards; ``fit --data.shards`` reads them.

    An interrupted run resumes where it stopped. The bytes are the same for any number of workers.

    Args:
        out: Output folder.
        shards: Number of shard files; at most ``samples``.
        workers: Number of processes that write shards; 0 writes in the main process.
        samples: Number of sequences.
        length: Tokens per sequence, T in the paper.
        regions: Regions per sequence, R in the paper: a number, or minimum and maximum as [1, 4].
        density: Probability that a token is a 1, between 0 and 1: a number, or [minimum, maximum].
        seed: Seed of the sequences.
        overwrite: Replace existing shards.

    Raises:
        ValueError: For a number out of range, or a folder with shards of another recipe.
    """
    options = {"length": length, "regions": _pair(regions), "density": _pair(density)}
    ranges = check(Ranges(length, tuple(options["regions"]), tuple(options["density"])))
    recipe = Recipe(GENERATOR, VERSION, seed, samples, shards, {"counts": "ones"}, options)
    write(out, partial(make_sample, seed=seed, ranges=ranges), recipe, workers, overwrite)


def make_sample(number: int, seed: int, ranges: Ranges) -> dict[str, np.ndarray]:
    """Draw one sequence, a pure function of the arguments.

    Args:
        number: Index of the sequence.
        seed: Seed of the data set.
        ranges: Ranges to draw from.

    Returns:
        The fields of a ``Sample``.
    """
    rng = np.random.default_rng([SHARDS, seed, number])
    tokens, counts = draw(rng, 1, *ranges)
    return {"tokens": tokens[0].astype(np.uint8), "counts": counts[0].astype(np.int32)}


def ranges_of(folder: Folder) -> Ranges:
    """Ranges from which the sequences of a data set were drawn.

    Args:
        folder: Folder of the data set.

    Returns:
        The ranges.

    Raises:
        ValueError: If it holds other data, or another version.
    """
    options = folder.made_by(GENERATOR, VERSION).options
    try:
        length, regions, density = (options[name] for name in Ranges._fields)
        return check(Ranges(length, tuple(regions), tuple(density)))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder.address}: options {options} cannot be: {error}") from error


def check(ranges: Ranges) -> Ranges:
    """Check that sequences can be drawn.

    Args:
        ranges: Ranges to check.

    Returns:
        The same ranges.

    Raises:
        ValueError: Naming the first invalid number.
    """
    check_range("length", (ranges.length, ranges.length), 1, np.inf)
    check_range("regions", ranges.regions, 1, np.inf)
    check_range("density", ranges.density, 0, 1)
    check_room("length", ranges.length, ranges.regions[1])
    return ranges


def _pair(value: int | float | list[float] | list[int]) -> list[float] | list[int]:
    return value if isinstance(value, list) else [value, value]
