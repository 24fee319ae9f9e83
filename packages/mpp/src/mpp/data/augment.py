"""Augmentation of trajectories: random rolls, reflections and rotations, and input noise."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from mpp.data.description import PSEUDO, Component, Description
from mpp.data.trajectories import Frames

NOISE = 1  # last word of a seed; 0 is that of the augmentation


class Move(NamedTuple):
    """A symmetry of a grid: permute the spatial axes, then reflect, then roll.

    Args:
        order: For each new axis, the index of the old one.
        mirrored: New axes that are reflected.
        shifts: Number of points to roll along each new axis.
    """

    order: tuple[int, ...]
    mirrored: tuple[int, ...]
    shifts: tuple[int, ...]


def draw(description: Description, rng: np.random.Generator) -> Move:
    """Draw a symmetry of a system, all with equal probability.

    Rolls along periodic axes; reflections along the axes in ``description.flips``; a permutation of
    the axes where the system allows rotations (with reflections, this gives every rotation by 90
    degrees).

    Args:
        description: Description of the system.
        rng: Random generator.

    Returns:
        The symmetry.
    """
    axes = len(description.shape)
    order = tuple(rng.permutation(axes).tolist()) if _turns(description) else tuple(range(axes))
    coins = rng.integers(0, 2, axes)
    mirrored = tuple(axis for axis in description.flips if coins[axis])
    places = [int(rng.integers(0, points)) for points in description.shape]
    periodic = [kind == "periodic" for kind in description.boundaries]
    shifts = tuple(place if on else 0 for place, on in zip(places, periodic, strict=True))
    return Move(order, mirrored, shifts)


def moved(
    frames: Frames, components: Sequence[Component], move: Move, out: Frames | None = None
) -> Frames:
    """Apply a symmetry to frames; the result is a solution of the same system.

    A reflection changes the sign of a component once for each of its indices along that axis, and
    of pseudoscalars; a permutation renames components.

    Args:
        frames: Any number of frames.
        components: Components of the frames.
        move: Symmetry to apply.
        out: Output array, not ``frames`` itself; None allocates a new one.

    Returns:
        The output array.

    Raises:
        ValueError: If a permutation needs a component that is missing.
    """
    at = {(part.base, part.axes): number for number, part in enumerate(components)}
    x = frames.transpose(0, 1, *(2 + axis for axis in move.order))
    x = np.flip(x, tuple(2 + axis for axis in move.mirrored))
    out = np.empty(x.shape, np.float32) if out is None else out
    pieces = list(product(*map(_pieces, x.shape[2:], move.shifts)))
    for number, part in enumerate(components):
        source = at.get((part.base, tuple(move.order[axis] for axis in part.axes)))
        if source is None:
            raise ValueError(f"{part.name}: the other components of {part.base} are not there")
        flips = sum(part.axes.count(axis) for axis in move.mirrored)
        if part.base in PSEUDO:
            flips += len(move.mirrored) + _odd(move.order)
        sign = np.float32(1 - 2 * (flips % 2))
        for piece in pieces:  # one pass over memory, where np.roll would make a copy first
            new, old = zip(*piece, strict=True)
            np.multiply(x[:, source, *old], sign, out=out[:, number, *new])
    return out


def _pieces(points: int, shift: int) -> list[tuple[slice, slice]]:
    """Destination and source slices of the pieces of a rolled axis, in this order."""
    pieces = [(slice(shift, points), slice(0, points - shift))]
    return [*pieces, (slice(0, shift), slice(points - shift, points))] if shift else pieces


def noisy(
    history: Float32[np.ndarray, "time field *space"], noise: float, rng: np.random.Generator
) -> None:
    """Add white noise to a history in place, so that a network becomes robust to its own errors.

    Args:
        history: Input frames of the network.
        noise: Standard deviation of the noise, relative to that of each field over the history.
        rng: Random generator.
    """
    over = (0, *range(2, history.ndim))
    deviation = history.std(over, keepdims=True, dtype=np.float64).astype(np.float32)
    history += noise * deviation * rng.standard_normal(history.shape, np.float32)


def generator(seed: int, draw_number: int, purpose: int = 0) -> np.random.Generator:
    """Random generator of a sample, determined by these three numbers alone.

    Args:
        seed: Seed of the data.
        draw_number: Index of the sample, counted over the whole training.
        purpose: 0 for the symmetry, or ``NOISE``.

    Returns:
        A new generator.
    """
    return np.random.default_rng([seed, draw_number, purpose])


def _turns(description: Description) -> bool:
    """Whether axes may be exchanged; this also needs all components of every vector."""
    there = {(part.base, part.axes) for part in description.components}
    swaps = combinations(range(len(description.shape)), 2)
    return description.turns and all(
        (part.base, tuple({a: b, b: a}.get(axis, axis) for axis in part.axes)) in there
        for a, b in swaps
        for part in description.components
    )


def _odd(order: Sequence[int]) -> int:
    """1 for an odd permutation (a reflection), 0 for an even one (a rotation)."""
    return sum(a > b for a, b in combinations(order, 2)) % 2
