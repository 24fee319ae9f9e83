"""The HDF5 files of The Well (Ohana et al. 2024, arXiv 2412.00568)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from mpp.data.fields import Boundary, Component, Description, components, square
from mpp.data.hdf5 import OpenOnce, step
from mpp.data.trajectories import Frames, Trajectories, check_finite

RANKS = ("t0_fields", "t1_fields", "t2_fields")


class Stored(NamedTuple):
    """A field as a file has it.

    Args:
        key: Of the dataset.
        parts: Its components: 1, D or D x D of them.
        trajectories: Whether the trajectories differ.
        times: Whether the frames do.
        along: Whether it varies along each axis of space.
    """

    key: str
    parts: tuple[Component, ...]
    trajectories: bool
    times: bool
    along: tuple[bool, ...]


class Well(Trajectories):
    """The trajectories of one file of The Well.

    Scalar fields come first, then the components of vectors (``f_x``, ``f_y``) and of tensors
    (``f_xx``, ``f_xy``, ...), as in the-well's own ``WellDataset``. Mirror images are taken as
    solutions along periodic axes only, and quarter turns where all axes are: what gravity or an
    inflow does at other boundaries the file does not say.

    Args:
        path: The file.
        constants: Add the fields that do not change in time, the same in every frame.

    Raises:
        ValueError: If the file cannot be read, or is not whole.
    """

    def __init__(self, path: str | Path, constants: bool = False) -> None:
        self.source = OpenOnce(path)
        with self.source:
            self.axes = [str(name) for name in self._need("dimensions", "spatial_dims")]
            count = self._count()
            times = self._coordinates("time")
            self.space = tuple(self._coordinates(name).shape[-1] for name in self.axes)
            varying, constant = self._fields()
            self.fields = varying + constant if constants else varying
            if not varying:
                raise ValueError(f"{path}: t0_fields, t1_fields, t2_fields: none changes in time")
            for field in self.fields:
                self._check(field, count, times.shape[-1])
            description = self._describe(step(times, 1.0))
        ids = [f"{self.source.path.name}/{number}" for number in range(count)]
        super().__init__(str(path), self.source.identity, description, ids, times.shape[-1])

    def scalars(self, trajectory: int) -> dict[str, np.ndarray]:
        """The numbers of a trajectory that have no place in space.

        Args:
            trajectory: Its number.

        Returns:
            Name -> its value, or its values in time.
        """
        group = self.source.file["scalars"]
        assert isinstance(group, h5py.Group)
        found = {}
        for name in _words(group.attrs.get("field_names")):
            dataset = group[name]
            assert isinstance(dataset, h5py.Dataset)
            varying = bool(dataset.attrs.get("sample_varying", False))
            found[name] = np.asarray(dataset[(trajectory,) if varying else ()])
        return found

    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        at = 0
        for field in self.fields:
            times = slice(start, start + len(out))
            index = (trajectory,) * field.trajectories + (times,) * field.times
            dataset = self.source.dataset(field.key)
            with self.source.reading(field.key), np.errstate(over="ignore"):
                piece = dataset.astype(np.float32)[index]
            if not field.times:
                piece = piece[None]
            count = len(field.parts)
            sizes = [
                size if along else 1 for size, along in zip(self.space, field.along, strict=True)
            ]
            piece = piece.reshape(len(piece), *sizes, count)  # (T, *S or 1, C)
            out[:, at : at + count] = np.moveaxis(piece, -1, 1)
            at += count
        check_finite(out, start, self.description.names, f"{self.where}: {trajectory}")

    def _need(self, key: str, attribute: str) -> Any:
        value = self.source.attribute(key, attribute)
        if value is None:
            there = ", ".join(list(self.source.file)[:8])
            raise ValueError(
                f"{self.source.path}: {key or '/'}: no attribute {attribute}, as The Well has; the "
                f"file has {there}"
            )
        return value

    def _coordinates(self, name: str) -> np.ndarray:
        found = self.source.numbers(f"dimensions/{name}")
        if found is None:
            raise ValueError(f"{self.source.path}: dimensions/{name}: no such field")
        if found.size < 1 or found.ndim < 1:
            raise ValueError(f"{self.source.path}: dimensions/{name}: shape {found.shape}: no line")
        return found

    def _count(self) -> int:
        """How many trajectories there are."""
        said = self._need("", "n_trajectories")
        if not isinstance(said, int | np.integer):
            raise ValueError(f"{self.source.path}: n_trajectories: {said!r} is no whole number")
        return int(said)

    def _fields(self) -> tuple[list[Stored], list[Stored]]:
        """The fields that change in time, and those that do not."""
        varying, constant = [], []
        for rank, group in enumerate(RANKS):
            for name in _words(self.source.attribute(group, "field_names")):
                key = f"{group}/{name}"
                attributes = self.source.dataset(key).attrs
                along = attributes.get("dim_varying", np.ones(len(self.axes), bool))
                field = Stored(
                    key,
                    tuple(components(name, rank, len(self.axes), self.axes)),
                    bool(attributes.get("sample_varying", True)),
                    bool(attributes.get("time_varying", True)),
                    tuple(bool(one) for one in along),
                )
                (varying if field.times else constant).append(field)
        return varying, constant

    def _check(self, field: Stored, trajectories: int, frames: int) -> None:
        """Compare the shape of a field with the file's own dimensions."""
        shape = self.source.dataset(field.key).shape
        lead = (trajectories,) * field.trajectories + (frames,) * field.times
        sizes = [n if along else 1 for n, along in zip(self.space, field.along, strict=True)]
        wanted = (*lead, *sizes)
        whole = int(np.prod(wanted)) * len(field.parts)
        if shape[: len(lead)] != lead or int(np.prod(shape)) != whole:
            names = ["trajectories"] * field.trajectories + ["frames"] * field.times
            said = ", ".join(f"{size} {name}" for size, name in zip(lead, names, strict=True))
            raise ValueError(
                f"{self.source.path}: {field.key}: shape {shape}, truncated or of other axes: the "
                f"file says {said} of {self.space} and {len(field.parts)} component(s)"
            )

    def _describe(self, dt: float) -> Description:
        sides = self._sides()
        flat = self.source.file.attrs.get("grid_type", "cartesian") == "cartesian"
        spacing = [step(self._coordinates(name), 1.0) for name in self.axes]
        known = Description(
            tuple(part for field in self.fields for part in field.parts),
            self.space,
            tuple(low if low == high else "open" for low, high in sides),
            tuple(spacing),
            dt,
            tuple(axis for axis, side in enumerate(sides) if flat and side[0] == "periodic"),
        )
        all_periodic = len(known.flips) == len(self.space) > 1
        return known._replace(turns=all_periodic and square(known))

    def _sides(self) -> list[list[Boundary]]:
        """Of each axis the boundaries at its two ends, open where the file says nothing.

        An axis that is declared periodic is periodic whatever its mask: the-well's own dummy data
        have empty ones. A wall has to cover an end wholly, as ``WellDataset`` wants it.
        """
        sides: list[list[Boundary]] = [["open", "open"] for _ in self.axes]
        conditions = self.source.file.get("boundary_conditions")
        for key, condition in conditions.items() if isinstance(conditions, h5py.Group) else ():
            given = str(condition.attrs.get("bc_type", "OPEN")).lower()
            dims = _words(condition.attrs.get("associated_dims"))
            mask = np.asarray(condition["mask"]) if "mask" in condition else np.ones(1, bool)
            for place, name in enumerate(dims):
                if name not in self.axes:
                    raise ValueError(
                        f"{self.source.path}: boundary_conditions/{key}: associated_dims: {name!r} "
                        f"is none of {', '.join(self.axes)}"
                    )
                axis = self.axes.index(name)
                if given == "periodic":
                    sides[axis] = ["periodic", "periodic"]
                elif given == "wall" and mask.ndim == len(dims):
                    for end in (0, -1):
                        if mask.take(end, place).all():
                            sides[axis][end] = "wall"
        return sides


def _words(value: Any) -> Sequence[str]:
    """An attribute that is a list of names; h5py gives a single letter as a string."""
    if value is None:
        return []
    if isinstance(value, str | bytes):
        return [value.decode() if isinstance(value, bytes) else value]
    return [one.decode() if isinstance(one, bytes) else str(one) for one in np.atleast_1d(value)]
