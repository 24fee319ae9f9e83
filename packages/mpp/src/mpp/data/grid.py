"""What an HDF5 file of trajectories says of its grid: evenly spaced coordinates."""

from typing import NamedTuple

import numpy as np

from sciformer.data.hdf5 import HDF5


class Line(NamedTuple):
    """Coordinates along an axis, ascending.

    Args:
        points: How many.
        step: Distance of the first two; None where there are not so many.
    """

    points: int
    step: float | None


def line(source: HDF5, key: str) -> Line | None:
    """The coordinates of an axis, of which no more than two are read.

    Args:
        source: The file.
        key: Of an array, whose last axis counts.

    Returns:
        What they are; None if there is no array of numbers.

    Raises:
        ValueError: If it cannot be read.
    """
    if not source.holds(key) or source.dtype(key).kind not in "fiu":
        return None
    shape = source.shape(key)
    if not shape or 0 in shape:
        return Line(0, None)
    first = source.read(key, (*[0] * (len(shape) - 1), slice(2)), np.float64)
    return Line(shape[-1], float(first[1] - first[0]) if len(first) > 1 else None)


def step(found: Line | None, default: float) -> float:
    """The distance of coordinates, or a default where the file does not say."""
    return default if found is None or found.step is None else found.step


def need_floats(source: HDF5, key: str) -> None:
    """See that an array holds floating-point numbers.

    Args:
        source: The file.
        key: Of the array.

    Raises:
        ValueError: If it does not, or there is none.
    """
    dtype = source.dtype(key)
    if dtype.kind != "f":
        raise ValueError(f"{source.path}: {key}: dtype {dtype} is no floating-point number")
