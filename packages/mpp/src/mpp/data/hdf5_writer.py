"""Shared part of the writers of HDF5: checks, data sets, coordinates, names."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float32

from mpp.data.description import Description
from mpp.simulate.boundary import name_boundaries

Arrays = Float32[np.ndarray, "trajectory time field *space"]
LETTERS = "xyz"


def check(path: str | Path, arrays: Arrays, description: Description) -> None:
    """Check that arrays have the fields and points of their description."""
    frame = (len(description.components), *description.shape)
    if arrays.shape[2:] != frame or arrays.ndim < 4:
        raise ValueError(
            f"{path}: arrays of shape {arrays.shape} are not (trajectory, time, field, *space) "
            f"with frames of {frame}"
        )
    name_boundaries(description.boundaries, len(description.shape))


def store(
    group: h5py.Group, key: str, data: np.ndarray, frame: int, compression: str | None
) -> h5py.Dataset:
    """Write an array; if compressed, in chunks of one frame, which is its last ``frame`` axes."""
    packed = compression is not None
    chunks = (1,) * (data.ndim - frame) + data.shape[data.ndim - frame :] if packed else None
    return group.create_dataset(
        key, data=data, chunks=chunks, compression=compression, shuffle=packed
    )


def line(points: int, distance: float) -> np.ndarray:
    """Coordinates along an axis, from 0."""
    return (np.arange(points) * distance).astype(np.float32)


def lines(description: Description) -> dict[str, np.ndarray]:
    """Coordinates along each axis of space, by its letter."""
    sides = zip(LETTERS, description.shape, description.spacing, strict=False)
    return {letter: line(points, distance) for letter, points, distance in sides}


def names_of(names: Mapping[str, object] | Sequence[str]) -> np.ndarray:
    """Names as an attribute of HDF5."""
    return np.array(list(names), dtype=h5py.string_dtype())
