"""Evenly spaced grid coordinates of an HDF5 file."""

from typing import NamedTuple

import numpy as np

from sciformer.data.hdf5 import HDF5


class Line(NamedTuple):
    """Coordinates along an axis, ascending.

    Args:
        points: Number of points.
        step: Distance between the first two points; None if there is only one.
    """

    points: int
    step: float | None


def line(source: HDF5, key: str) -> Line | None:
    """Coordinates of an axis; only the first two are read.

    Args:
        source: HDF5 file.
        key: HDF5 key of an array; its last axis is used.

    Returns:
        The coordinates; None if there is no numeric array.

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
    """Grid spacing, or a default where the file has fewer than two coordinates."""
    return default if found is None or found.step is None else found.step


def need_floats(source: HDF5, key: str) -> None:
    """Check that an array holds floating-point numbers.

    Args:
        source: HDF5 file.
        key: HDF5 key of the array.

    Raises:
        ValueError: If it does not, or does not exist.
    """
    dtype = source.dtype(key)
    if dtype.kind != "f":
        raise ValueError(f"{source.path}: {key}: dtype {dtype} is no floating-point number")
