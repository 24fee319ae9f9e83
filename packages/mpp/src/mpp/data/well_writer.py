"""Write trajectories as HDF5 in the layout of The Well."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float32

from mpp.data.description import Component, Description, components
from mpp.data.hdf5_writer import LETTERS, Arrays, check, line, lines, names_of, store
from sciformer.files import write_atomically


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
    check(path, arrays, description)
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
            file.attrs["conserved"] = names_of(description.conserved)  # The Well has no such key
            file.attrs["simulation_parameters"] = names_of(parameters)
            _well_dimensions(file, description, axes, arrays.shape[1])
            _well_boundaries(file.create_group("boundary_conditions"), description, axes)
            scalars = file.create_group("scalars")
            scalars.attrs["field_names"] = names_of(parameters)
            for key, value in parameters.items():
                _flag(scalars.create_dataset(key, data=np.float32(value)), False, False)
            for rank, fields in enumerate(ranks):
                group = file.create_group(f"t{rank}_fields")
                kept = list(constants) if rank == 0 else []
                group.attrs["field_names"] = names_of([*fields, *kept])
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
    dataset = store(group, base, data, data.ndim - 2, compression)
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
    for name, along in {"time": line(frames, description.dt), **lines(description)}.items():
        group[name] = along
        group[name].attrs["sample_varying"] = False


def _well_boundaries(group: h5py.Group, description: Description, axes: Sequence[str]) -> None:
    for name, kind, points in zip(axes, description.boundaries, description.shape, strict=True):
        part = group.create_group(f"{name}_{kind}")
        part.attrs["associated_dims"] = [name]
        part.attrs["associated_fields"] = names_of([])
        part.attrs["bc_type"] = kind.upper()
        part.attrs["sample_varying"] = part.attrs["time_varying"] = False
        mask = np.zeros(points, bool)
        mask[[0, -1]] = True
        part["mask"] = mask
