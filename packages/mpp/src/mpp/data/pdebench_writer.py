"""Write trajectories as HDF5 in the layouts of PDEBench."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float32

from mpp.data.description import Description
from mpp.data.hdf5_writer import Arrays, check, line, lines, names_of, store
from mpp.data.readers.pdebench_sets import (
    ADVECTION,
    BURGERS,
    DAM_BREAK,
    INCOMPRESSIBLE,
    REACTION,
    SORPTION,
    Kind,
    compressible,
)
from sciformer.files import write_atomically

SETS = {
    "shallow_water": DAM_BREAK,
    "diffusion_reaction": REACTION,
    "diffusion_sorption": SORPTION,
    "incompressible": INCOMPRESSIBLE,
    "burgers": BURGERS,
    "advection": ADVECTION,
}
BY_KEYS = (  # of one, two and three axes of space
    ("diffusion_sorption",),
    ("shallow_water", "diffusion_reaction", "incompressible"),
    (),
)


def kind_of(description: Description) -> str | None:
    """PDEBench set, detected by keys alone, with these fields, axes and boundaries, or None."""
    axes = len(description.shape)
    known = {key: SETS[key] for key in BY_KEYS[axes - 1]} | {"compressible": compressible(axes)}
    for key, layout in known.items():
        names = sorted(part.name for part in layout.parts)
        alike = set(description.boundaries) == {layout.boundary} or layout.boundary is None
        if alike and names == sorted(description.names):
            return key
    return None


def write_pdebench(
    path: str | Path,
    kind: str,
    arrays: Arrays,
    description: Description,
    compression: str | None = None,
) -> None:
    """Write trajectories as one of PDEBench's sets; fields that it cannot store are left out.

    Args:
        path: File to write. The name must contain the word ``burgers`` or ``advection`` for these
            two sets, as it is how they are detected.
        kind: ``shallow_water``, ``diffusion_reaction``, ``diffusion_sorption``, ``compressible``,
            ``incompressible``, ``burgers`` or ``advection``.
        arrays: All frames, with spatial axes in our order.
        description: Description of the trajectories.
        compression: ``lzf`` or ``gzip``, one chunk per frame; None does not compress.

    Raises:
        ValueError: If a field of the set is missing, or the set is unknown.
    """
    check(path, arrays, description)
    axes = len(description.shape)
    layout = compressible(axes) if kind == "compressible" else SETS.get(kind)
    if layout is None:
        raise ValueError(f"kind: {kind!r} is none of compressible, {', '.join(SETS)}")
    for part in layout.parts:
        if part.name not in description.names:
            raise ValueError(f"{path}: {kind} needs {part.name}; there are {description.names}")
    if kind in {"burgers", "advection"} and kind not in Path(path).name.lower():
        raise ValueError(f"{path}: a file of this set is known by {kind!r} in its name")

    def write(beside: Path) -> None:
        with h5py.File(beside, "w") as file:
            file.attrs["boundaries"] = names_of(description.boundaries)  # PDEBench has no such key
            if layout.grouped:
                for number, one in enumerate(arrays):
                    group = file.create_group(f"{number:04d}")
                    _datasets(group, layout, one, description, compression)
                    _grid(group.create_group("grid"), description, arrays.shape[1])
            else:
                _datasets(file, layout, arrays, description, compression)
                _coordinates(file, description, arrays.shape, kind)

    write_atomically(path, write)


def _datasets(
    group: h5py.Group,
    layout: Kind,
    arrays: Float32[np.ndarray, "..."],
    description: Description,
    compression: str | None,
) -> None:
    at = arrays.ndim - 1 - len(description.shape)  # the axis of fields
    columns: dict[str, list[np.ndarray]] = {}
    channels = {}
    for part in layout.parts:
        key = part.key.removeprefix("{}/")
        column = arrays.take(description.names.index(part.name), at)
        if layout.swapped:
            column = column.swapaxes(-1, -2)
        columns.setdefault(key, []).append(column)
        channels[key] = part.channel is not None
    for key, found in columns.items():
        data = np.stack(found, -1) if channels[key] else found[0]
        store(group, key, data, len(description.shape) + channels[key], compression)


def _grid(group: h5py.Group, description: Description, frames: int) -> None:
    group["t"] = line(frames, description.dt)
    for letter, along in lines(description).items():
        group[letter] = along


def _coordinates(
    file: h5py.File, description: Description, shape: Sequence[int], kind: str
) -> None:
    times = line(shape[1], description.dt)
    if kind == "incompressible":  # which says nothing of its grid
        file["t"] = np.tile(times, (shape[0], 1))
        file.attrs["latestIndex"] = shape[1] - 1
        return
    file["t-coordinate"] = times
    for letter, along in lines(description).items():
        file[f"{letter}-coordinate"] = along
