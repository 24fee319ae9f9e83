"""Other solutions of the same system, made from one: rolled, mirrored, turned; and input noise."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from mpp.data.description import PSEUDO, Component, Description
from mpp.data.trajectories import Frames

NOISE = 1  # last word of a seed; 0 is that of the augmentation


class Move(NamedTuple):
    """A symmetry of a grid: axes of space are permuted, then mirrored, then rolled.

    Args:
        order: The old axis at each new place.
        mirrored: New axes that are mirrored.
        shifts: Points to roll along each new axis.
    """

    order: tuple[int, ...]
    mirrored: tuple[int, ...]
    shifts: tuple[int, ...]


def draw(description: Description, rng: np.random.Generator) -> Move:
    """Draw one of the symmetries that a system has, all with the same probability.

    Rolls along periodic axes; mirror images where ``description.flips`` says; a permutation of the
    axes where it turns, which with the mirror images gives every quarter turn.

    Args:
        description: Of the system.
        rng: What it depends on.

    Returns:
        The move.
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
    """Frames of a solution after a move, which is one as well.

    A mirror turns the sign of a component for each of its indices along that axis, and of pseudo
    scalars; a permutation renames components.

    Args:
        frames: Of any number.
        components: Of them.
        move: What to do.
        out: Where to write them; None makes a new array. Not the frames themselves.

    Returns:
        The array that was written.

    Raises:
        ValueError: If a permutation needs a component that there is not.
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
    """Where the two pieces of a rolled axis go, and where they come from."""
    pieces = [(slice(shift, points), slice(0, points - shift))]
    return [*pieces, (slice(0, shift), slice(points - shift, points))] if shift else pieces


def noisy(
    history: Float32[np.ndarray, "time field *space"], noise: float, rng: np.random.Generator
) -> None:
    """Add white noise to a history in place, so that a network learns to live with its own errors.

    Args:
        history: What the network sees.
        noise: Its standard deviation in units of each field's own over the history.
        rng: What it depends on.
    """
    over = (0, *range(2, history.ndim))
    deviation = history.std(over, keepdims=True, dtype=np.float64).astype(np.float32)
    history += noise * deviation * rng.standard_normal(history.shape, np.float32)


def generator(seed: int, draw_number: int, purpose: int = 0) -> np.random.Generator:
    """What a draw depends on, and nothing else.

    Args:
        seed: Of the data.
        draw_number: Of the sample in the whole training.
        purpose: 0, or ``NOISE``.

    Returns:
        A generator of its own.
    """
    return np.random.default_rng([seed, draw_number, purpose])


def _turns(description: Description) -> bool:
    """Whether axes may change places: also all components of every vector have to be there."""
    there = {(part.base, part.axes) for part in description.components}
    swaps = combinations(range(len(description.shape)), 2)
    return description.turns and all(
        (part.base, tuple({a: b, b: a}.get(axis, axis) for axis in part.axes)) in there
        for a, b in swaps
        for part in description.components
    )


def _odd(order: Sequence[int]) -> int:
    """1 if a permutation mirrors space, 0 if it turns it."""
    return sum(a > b for a, b in combinations(order, 2)) % 2
