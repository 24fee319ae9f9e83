"""Boundary conditions: periodic, open or wall, for each spatial axis."""

from collections.abc import Sequence
from typing import Literal, get_args

Boundary = Literal["periodic", "open", "wall"]


def name_boundaries(given: Sequence[str | int], axes: int) -> tuple[Boundary, ...]:
    """Boundary name of each spatial axis; True is periodic, False is open.

    Raises ``ValueError`` if the number of axes differs, or an entry is neither name nor boolean.
    """
    if len(given) != axes:
        raise ValueError(f"boundaries={list(given)} of {len(given)} axes, but space has {axes}")
    return tuple(_boundary(entry) for entry in given)


def _boundary(given: str | int) -> Boundary:
    for boundary in get_args(Boundary):
        if given == boundary:
            return boundary
    if isinstance(given, int) and given in (0, 1):  # no tensor: to look at it would wait for a GPU
        return "periodic" if given else "open"
    raise ValueError(f"boundary {given!r} is none of {', '.join(get_args(Boundary))}, True, False")
