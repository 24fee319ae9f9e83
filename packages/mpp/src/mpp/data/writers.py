"""Write trajectories as HDF5 in the layouts of PDEBench and The Well."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float32

from mpp.boundary import name_boundaries
from mpp.data.description import Component, Description, components
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

Arrays = Float32[np.ndarray, "trajectory time field *space"]
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
LETTERS = "xyz"


def write_like(path: str | Path, name: str, arrays: Arrays, description: Description) -> None:
    """Write trajectories in PDEBench's layout if it can store them, else in The Well's.

    Args:
        path: File to write.
        name: Name of the data set.
        arrays: All frames.
        description: Description of the trajectories.
    """
    kind = _kind(description)
    if kind is None:
        write_well(path, name, arrays, description)
    else:
        write_pdebench(path, kind, arrays, description)


def _check(path: str | Path, arrays: Arrays, description: Description) -> None:
    """Check that arrays have the fields and points of their description."""
    frame = (len(description.components), *description.shape)
    if arrays.shape[2:] != frame or arrays.ndim < 4:
        raise ValueError(
            f"{path}: arrays of shape {arrays.shape} are not (trajectory, time, field, *space) "
            f"with frames of {frame}"
        )
    name_boundaries(description.boundaries, len(description.shape))


def _kind(description: Description) -> str | None:
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
    _check(path, arrays, description)
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
            file.attrs["boundaries"] = _names(description.boundaries)  # PDEBench has no such key
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
        chunks = None
        if compression is not None:
            frame = len(description.shape) + channels[key]
            chunks = (1,) * (data.ndim - frame) + data.shape[data.ndim - frame :]
        group.create_dataset(
            key, data=data, chunks=chunks, compression=compression, shuffle=compression is not None
        )


def _line(points: int, distance: float) -> np.ndarray:
    return (np.arange(points) * distance).astype(np.float32)


def _grid(group: h5py.Group, description: Description, frames: int) -> None:
    group["t"] = _line(frames, description.dt)
    for letter, points, distance in zip(
        LETTERS, description.shape, description.spacing, strict=False
    ):
        group[letter] = _line(points, distance)


def _coordinates(
    file: h5py.File, description: Description, shape: Sequence[int], kind: str
) -> None:
    times = _line(shape[1], description.dt)
    if kind == "incompressible":  # which says nothing of its grid
        file["t"] = np.tile(times, (shape[0], 1))
        file.attrs["latestIndex"] = shape[1] - 1
        return
    file["t-coordinate"] = times
    for letter, points, distance in zip(
        LETTERS, description.shape, description.spacing, strict=False
    ):
        file[f"{letter}-coordinate"] = _line(points, distance)


def write_well(
    path: str | Path,
    name: str,
    arrays: Arrays,
    description: Description,
    constants: Mapping[str, Float32[np.ndarray, "..."]] | None = None,
    parameters: Mapping[str, float] | None = None,
    compression: str | None = None,
) -> None:
    """Write trajectories as a file of The Well, which ``the-well``'s ``WellDataset`` opens.

    Args:
        path: The file; its name ends in ``.hdf5`` or ``.h5``.
        name: Name of the data set.
        arrays: All frames.
        description: Description of the trajectories.
        constants: Scalar fields that are constant in time: shared by all trajectories, or one per
            trajectory.
        parameters: Parameters of the simulation, shared by all trajectories.
        compression: ``lzf`` or ``gzip``, one chunk per frame; None does not compress.

    Raises:
        ValueError: If the shape of the arrays is not that of the description.
    """
    _check(path, arrays, description)
    ranks = _by_rank(description)
    constants, parameters = constants or {}, parameters or {}
    axes = list(LETTERS[: len(description.shape)])

    def write(beside: Path) -> None:
        with h5py.File(beside, "w") as file:
            file.attrs.update(parameters)
            file.attrs["dataset_name"] = name
            file.attrs["grid_type"] = "cartesian"
            file.attrs["n_spatial_dims"] = len(axes)
            file.attrs["n_trajectories"] = len(arrays)
            file.attrs["conserved"] = _names(description.conserved)  # The Well has no such key
            file.attrs["simulation_parameters"] = _names(parameters)
            _well_dimensions(file, description, axes, arrays.shape[1])
            _well_boundaries(file.create_group("boundary_conditions"), description, axes)
            scalars = file.create_group("scalars")
            scalars.attrs["field_names"] = _names(parameters)
            for key, value in parameters.items():
                _flag(scalars.create_dataset(key, data=np.float32(value)), False, False)
            for rank, fields in enumerate(ranks):
                group = file.create_group(f"t{rank}_fields")
                kept = list(constants) if rank == 0 else []
                group.attrs["field_names"] = _names([*fields, *kept])
                for base, numbers in fields.items():
                    _well_field(group, base, numbers, rank, arrays, compression)
                for base in kept:
                    each = constants[base].ndim > len(axes)
                    constant = group.create_dataset(base, data=constants[base])
                    constant.attrs["dim_varying"] = [True] * len(axes)
                    _flag(constant, each, False)

    write_atomically(path, write)


def _by_rank(description: Description) -> list[dict[str, list[int]]]:
    """Scalars, vectors and tensors: base name -> indices of its components in The Well's order.

    A vector with a missing component is written as scalars.
    """
    names, axes = description.names, len(description.shape)
    ranks: list[dict[str, list[int]]] = [{}, {}, {}]
    for component in description.components:
        whole = [part.name for part in _whole(component, axes)]
        if all(name in names for name in whole):
            ranks[len(component.axes)][component.base] = [names.index(name) for name in whole]
        else:
            ranks[0][component.name] = [names.index(component.name)]
    return ranks


def _whole(component: Component, axes: int) -> list[Component]:
    return components(component.base, len(component.axes), axes)


def _well_field(
    group: h5py.Group,
    base: str,
    numbers: Sequence[int],
    rank: int,
    arrays: Arrays,
    compression: str | None,
) -> None:
    data = np.moveaxis(arrays[:, :, numbers], 2, -1)  # (N, T, *S, C)
    axes = data.ndim - 3
    data = data.reshape(*data.shape[:-1], *(axes,) * rank)
    chunks = None if compression is None else (1, 1, *data.shape[2:])
    dataset = group.create_dataset(
        base, data=data, chunks=chunks, compression=compression, shuffle=compression is not None
    )
    dataset.attrs["dim_varying"] = [True] * axes
    if rank == 2:
        dataset.attrs["symmetric"] = dataset.attrs["antisymmetric"] = False
    _flag(dataset, True, True)


def _flag(dataset: h5py.Dataset, trajectories: bool, times: bool) -> None:
    dataset.attrs["sample_varying"] = trajectories
    dataset.attrs["time_varying"] = times


def _well_dimensions(
    file: h5py.File, description: Description, axes: Sequence[str], frames: int
) -> None:
    group = file.create_group("dimensions")
    group.attrs["spatial_dims"] = list(axes)
    lines = {"time": _line(frames, description.dt)}
    for name, points, distance in zip(axes, description.shape, description.spacing, strict=True):
        lines[name] = _line(points, distance)
    for name, line in lines.items():
        group[name] = line
        group[name].attrs["sample_varying"] = False


def _well_boundaries(group: h5py.Group, description: Description, axes: Sequence[str]) -> None:
    for name, kind, points in zip(axes, description.boundaries, description.shape, strict=True):
        part = group.create_group(f"{name}_{kind}")
        part.attrs["associated_dims"] = [name]
        part.attrs["associated_fields"] = _names([])
        part.attrs["bc_type"] = kind.upper()
        part.attrs["sample_varying"] = part.attrs["time_varying"] = False
        mask = np.zeros(points, bool)
        mask[[0, -1]] = True
        part["mask"] = mask


def _names(names: Mapping[str, object] | Sequence[str]) -> np.ndarray:
    return np.array(list(names), dtype=h5py.string_dtype())
