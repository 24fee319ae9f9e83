"""Reader of The Well's HDF5 files (Ohana et al. 2024, arXiv 2412.00568)."""

import math
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
from jaxtyping import Float32

from mpp.data.description import Component, Description, components, square
from mpp.data.grid import UNTIMED, Line, grid_spacing, line, need_floats, time_step
from mpp.data.trajectories import Frames, Trajectories
from mpp.simulate.boundary import Boundary
from sciformer.data.hdf5 import HDF5, OpenHDF5, texts

RANKS = ("t0_fields", "t1_fields", "t2_fields")
CONDITIONS = "boundary_conditions"


class Stored(NamedTuple):
    """A field as stored in a file.

    Args:
        key: HDF5 key of the dataset.
        parts: Number of components: 1, D or D x D.
        trajectories: Whether it differs between trajectories.
        times: Whether it varies in time.
        along: For each spatial axis, whether the field varies along it.
    """

    key: str
    parts: tuple[Component, ...]
    trajectories: bool
    times: bool
    along: tuple[bool, ...]


class Well(Trajectories):
    """Trajectories of one file of The Well.

    Scalar fields come first, then the components of vectors (``f_x``, ``f_y``) and of tensors
    (``f_xx``, ``f_xy``, ...), as in the-well's own ``WellDataset``. Files do not state whether
    gravity or an inflow breaks a symmetry, so reflections are assumed to be solutions along
    periodic axes only, and rotations only if all axes are periodic.

    Args:
        path: The file.
        constants: Add the fields that are constant in time, repeated in every frame.
        files: Opens HDF5 files; may be shared between readers.

    Raises:
        ValueError: If the file cannot be read or is truncated.
    """

    layout = "The Well"

    def __init__(
        self, path: str | Path, constants: bool = False, files: OpenHDF5 | None = None
    ) -> None:
        self.source = HDF5(path, files)
        with self.source:
            self.axes = self._words("dimensions", "spatial_dims")
            if not self.axes:
                raise self._lacks("dimensions", "spatial_dims")
            count = self.source.whole_number("/", "n_trajectories")
            if count is None:
                raise self._lacks("/", "n_trajectories")
            times = self._line("time")
            self.space = tuple(self._line(name).points for name in self.axes)
            varying, self.constant = self._fields()
            self.fields = varying + self.constant if constants else varying
            if not varying:
                raise ValueError(f"{path}: t0_fields, t1_fields, t2_fields: none changes in time")
            for field in varying + self.constant:
                self._check(field, count, times.points)
            description, assumed = self._describe(times)
        ids = [f"{self.source.path.name}/{number}" for number in range(count)]
        super().__init__(str(path), self.source.identity, description, ids, times.points, assumed)
        self.units = {
            part.name: " ".join(self._words(field.key, "units"))
            for field in self.fields
            for part in field.parts
        }

    def scalars(self, trajectory: int) -> dict[str, np.ndarray]:
        """Scalar parameters of a trajectory: name -> value, or time series."""
        found = {}
        for name in self._words("scalars", "field_names"):
            key = f"scalars/{name}"
            varying = self._flag(key, "sample_varying", False)
            found[name] = self.source.read(key, (trajectory,) if varying else ())
        return found

    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        at = 0
        for field in self.fields:
            count = len(field.parts)
            times = slice(start, start + len(out))
            out[:, at : at + count] = self._piece(field, trajectory, times)
            at += count
        self.finish(trajectory, start, out, trajectory)

    def still(self, name: str, trajectory: int) -> Float32[np.ndarray, "*space"]:
        for field in self.constant:
            if field.key == f"{RANKS[0]}/{name}":
                values = self._piece(field, trajectory, slice(None))[0, 0]
                return np.broadcast_to(values, self.space)
        return super().still(name, trajectory)

    def _piece(self, field: Stored, trajectory: int, times: slice) -> np.ndarray:
        """Part of a field as (time or 1, component, *space or 1)."""
        index = (trajectory,) * field.trajectories + (times,) * field.times
        piece = self.source.read(field.key, index, np.float32)
        sizes = [size if along else 1 for size, along in zip(self.space, field.along, strict=True)]
        frames = len(piece) if field.times else 1
        return np.moveaxis(piece.reshape(frames, *sizes, len(field.parts)), -1, 1)

    def _lacks(self, key: str, attribute: str) -> ValueError:
        there = ", ".join(self.source.keys()[:8])
        return ValueError(
            f"{self.source.path}: {key}: no attribute {attribute}, as The Well has; the file has "
            f"{there}"
        )

    def _words(self, key: str, name: str) -> list[str]:
        """Attribute that is a list of names; h5py returns a single one as a string."""
        value = self.source.attribute(key, name)
        words = texts(value)
        if not all(isinstance(word, str) for word in words):
            raise ValueError(f"{self.source.path}: {key}: {name}: {value!r} are no names")
        return words

    def _flag(self, key: str, name: str, default: bool) -> bool:
        """Boolean attribute."""
        flags = self._flags(key, name, [default])
        if len(flags) != 1:
            raise ValueError(f"{self.source.path}: {key}: {name}: {flags} is not yes or no")
        return flags[0]

    def _flags(self, key: str, name: str, default: list[bool]) -> list[bool]:
        """Attribute that is a list of booleans."""
        value = self.source.attribute(key, name)
        if value is None:
            return default
        found = np.atleast_1d(np.asarray(value)).reshape(-1)
        if found.dtype.kind not in "biu":
            raise ValueError(f"{self.source.path}: {key}: {name}: {value!r} is not yes or no")
        return found.astype(bool).tolist()

    def _line(self, name: str) -> Line:
        """Coordinates of an axis."""
        key = f"dimensions/{name}"
        found = line(self.source, key)
        if found is None:
            raise ValueError(f"{self.source.path}: {key}: no such field")
        if not found.points:
            shape = self.source.shape(key)
            raise ValueError(f"{self.source.path}: {key}: shape {shape}: no line")
        return found

    def _fields(self) -> tuple[list[Stored], list[Stored]]:
        """Fields that vary in time, and fields that are constant."""
        varying, constant = [], []
        for rank, group in enumerate(RANKS):
            for name in self._words(group, "field_names"):
                key = f"{group}/{name}"
                need_floats(self.source, key)
                along = self._flags(key, "dim_varying", [True] * len(self.axes))
                if len(along) != len(self.axes):
                    raise ValueError(
                        f"{self.source.path}: {key}: dim_varying: {along} for {len(self.axes)} axes"
                    )
                field = Stored(
                    key,
                    tuple(components(name, rank, len(self.axes), self.axes)),
                    self._flag(key, "sample_varying", True),
                    self._flag(key, "time_varying", True),
                    tuple(along),
                )
                (varying if field.times else constant).append(field)
        return varying, constant

    def _check(self, field: Stored, trajectories: int, frames: int) -> None:
        """Check a field's shape against the dimensions that the file declares."""
        shape = self.source.shape(field.key)
        lead = (trajectories,) * field.trajectories + (frames,) * field.times
        sizes = [n if along else 1 for n, along in zip(self.space, field.along, strict=True)]
        wanted = (*lead, *sizes)
        whole = math.prod(wanted) * len(field.parts)
        if shape[: len(lead)] != lead or math.prod(shape) != whole:
            names = ["trajectories"] * field.trajectories + ["frames"] * field.times
            declared = ", ".join(f"{size} {name}" for size, name in zip(lead, names, strict=True))
            raise ValueError(
                f"{self.source.path}: {field.key}: shape {shape}, truncated or of other axes: the "
                f"file says {declared} of {self.space} and {len(field.parts)} component(s)"
            )

    def _describe(self, times: Line) -> tuple[Description, dict[str, str]]:
        """Description, and what the file does not say."""
        sides, unknown = self._sides()
        flat = self._words("/", "grid_type") in ([], ["cartesian"])
        dt = time_step(f"{self.source.path}: dimensions/time", times)
        lines = [self._line(name) for name in self.axes]
        spacing, assumed = grid_spacing(lines, self.axes, self.space)
        if dt is None:
            assumed["dt"] = UNTIMED
        if unknown:
            assumed["boundaries"] = unknown
        known = Description(
            tuple(part for field in self.fields for part in field.parts),
            self.space,
            tuple(side or "open" for side in sides),
            spacing,
            1.0 if dt is None else dt,
            tuple(axis for axis, side in enumerate(sides) if flat and side == "periodic"),
            conserved=tuple(self._words("/", "conserved")),  # our own attribute
        )
        all_periodic = len(known.flips) == len(self.space) > 1
        return known._replace(turns=all_periodic and square(known)), assumed

    def _sides(self) -> tuple[list[Boundary | None], str]:
        """Boundary type of each axis, None if unknown, and a sentence about the first unknown one.

        Masks mark the ends to which a condition applies. A mask that marks nothing, as in
        the-well's own dummy data, says nothing: the condition then applies to both ends.
        """
        ends: list[list[Boundary | None]] = [[None, None] for _ in self.axes]
        unknown = ""
        for condition in self.source.keys(CONDITIONS):
            key = f"{CONDITIONS}/{condition}"
            word = " ".join(self._words(key, "bc_type"))
            given = _known_boundary(word)
            mask, dims = self._mask(f"{key}/mask"), self._words(key, "associated_dims")
            if given is None:
                unknown = unknown or f"{key}: bc_type {word!r} is none of PERIODIC, WALL, OPEN"
            for place, name in enumerate(dims):
                axis = self._axis(key, name)
                at = axis if mask is not None and mask.ndim == len(self.axes) else place
                for end in (0, -1) if given else ():
                    if mask is None or given == "periodic" or _marks(mask, end, at):
                        ends[axis][end] = given
        for name, (low, high) in zip(self.axes, ends, strict=True):
            if low != high or low is None:
                said = f"{low or 'nothing'} at its start, {high or 'nothing'} at its end"
                unknown = unknown or f"{CONDITIONS}: {name} has {said}, not one type"
        return [low if low == high else None for low, high in ends], unknown

    def _mask(self, key: str) -> np.ndarray | None:
        """Mask of a boundary condition; None if there is none, or it marks nothing."""
        mask = self.source.read(key) if self.source.holds(key) else np.zeros(1, bool)
        return mask if mask.ndim and mask.any() else None

    def _axis(self, key: str, name: str) -> int:
        if name not in self.axes:
            raise ValueError(
                f"{self.source.path}: {key}: associated_dims: {name!r} is none of "
                f"{', '.join(self.axes)}"
            )
        return self.axes.index(name)


def _marks(mask: np.ndarray, end: int, axis: int) -> bool:
    """Whether a mask covers an end of an axis."""
    return axis < mask.ndim and bool(mask.take(end, axis).all())


def _known_boundary(word: str) -> Boundary | None:
    """Boundary type of a ``bc_type``; None if it is another word."""
    return next((kind for kind in get_args(Boundary) if kind == word.lower()), None)
