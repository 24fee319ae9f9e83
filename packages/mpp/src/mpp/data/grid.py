"""Coordinates of a grid: number of points, spacing, and whether they are evenly spaced."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from sciformer.data.hdf5 import HDF5

UNEVEN = 1e-3  # relative difference between two steps
UNTIMED = "not in the file, 1 is assumed"
ROUNDING = 8 * float(np.finfo(np.float32).eps)  # of coordinates, which are often fp32


class Line(NamedTuple):
    """Coordinates along an axis.

    Args:
        points: Number of points.
        step: Mean distance between neighbors; None if there is only one point.
        uneven: A sentence about the first step of another length; empty if there is none.
    """

    points: int
    step: float | None
    uneven: str = ""


def points(source: HDF5, key: str) -> int | None:
    """Number of coordinates along an axis, which are not read.

    Args:
        source: HDF5 file.
        key: HDF5 key of an array; its last axis counts.

    Returns:
        The number; None if there is no numeric array.
    """
    if not source.holds(key) or source.dtype(key).kind not in "fiu":
        return None
    shape = source.shape(key)
    return 0 if not shape or 0 in shape else shape[-1]


def line(source: HDF5, key: str, most: int | None = None) -> Line | None:
    """Coordinates of an axis.

    Args:
        source: HDF5 file.
        key: HDF5 key of an array; its last axis is used. Other axes (trajectories) must have the
            same steps.
        most: Number of coordinates to use; None uses all.

    Returns:
        The coordinates; None if there is no numeric array.

    Raises:
        ValueError: If it cannot be read.
    """
    found = points(source, key)
    if not found:
        return None if found is None else Line(0, None)
    values = source.read(key, (), np.float64).reshape(-1, found)
    return steps_of(values[:, :most])._replace(points=found)


def steps_of(values: Float64[np.ndarray, "rows points"]) -> Line:
    """Spacing of coordinates, and the first step that differs from the others.

    Args:
        values: Coordinates, ascending or descending; one row per trajectory, or a single one.

    Returns:
        Spacing of the first row; ``uneven`` names the first step of another length in any row.
    """
    points = values.shape[1]
    if points < 2:
        return Line(points, None)
    steps = np.diff(values, axis=1)
    mean = float(values[0, -1] - values[0, 0]) / (points - 1)
    room = UNEVEN * abs(mean) + ROUNDING * np.abs(values).max()
    with np.errstate(invalid="ignore"):
        other = np.argwhere(~(np.abs(steps - steps[0, 0]) <= room))
    if not len(other) and mean:
        return Line(points, abs(mean))
    row, at = other[0].tolist() if len(other) else (0, 0)
    place = f"of trajectory {row} " if row else ""
    return Line(
        points,
        abs(mean),
        f"step {at} to {at + 1} {place}is {steps[row, at]:.6g}, but step 0 to 1 is "
        f"{steps[0, 0]:.6g}",
    )


def time_step(where: str, found: Line | None) -> float | None:
    """Time between frames.

    Args:
        where: File and key, for the error.
        found: The times.

    Returns:
        The time between frames; None if the times are not stored.

    Raises:
        ValueError: If the frames are not evenly spaced in time.
    """
    if found is None or found.step is None:
        return None
    if found.uneven:
        raise ValueError(
            f"{where}: frames must be evenly spaced in time: {found.uneven}; interpolate the "
            "frames, or leave some out"
        )
    return found.step


def grid_spacing(
    lines: Sequence[Line | None], names: Sequence[str], shape: Sequence[int]
) -> tuple[tuple[float, ...], dict[str, str]]:
    """Grid spacing along each axis.

    Args:
        lines: Coordinates of each axis; None if not stored.
        names: Names of the axes.
        shape: Number of points along each axis.

    Returns:
        The spacings; and under ``spacing`` a sentence on those that are assumed or means, if any.
    """
    spacing, reasons = [], []
    for found, name, points in zip(lines, names, shape, strict=True):
        if found is None or found.step is None:
            spacing.append(1.0 / points)
            reasons.append(f"{name} is not in the file, 1/{points} is assumed")
        else:
            spacing.append(found.step)
            if found.uneven:
                reasons.append(f"{name} is not evenly spaced ({found.uneven}), its mean is used")
    return tuple(spacing), {"spacing": ", ".join(reasons)} if reasons else {}


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
