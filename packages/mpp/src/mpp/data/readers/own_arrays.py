"""Reader of one's own arrays: any HDF5, NetCDF, .npy, .npz or zarr file that a table describes."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from mpp.data.description import Description
from mpp.data.grid import UNTIMED, Line, grid_spacing, steps_of, time_step
from mpp.data.readers.arrays import open_arrays
from mpp.data.readers.layout import Stored, find_constant, find_layout
from mpp.data.readers.table import COMPONENT, RUN, TIME, Source, Table
from mpp.data.trajectories import Frames, Trajectories
from mpp.simulate.boundary import Boundary, name_boundaries
from sciformer.arguments import ArgumentError
from sciformer.data.hdf5 import OpenHDF5, texts

TIMES = ("time", "t", "times")
MISSING = ("_FillValue", "missing_value")


class OwnArrays(Trajectories):
    """Trajectories of a file of arrays.

    Axes may be in any order; they are read as (run, time, x, y, z). Without a run axis the file is
    one trajectory. Components of a vector are in the order x, y, z. ``scale_factor``,
    ``add_offset`` and fill values of the CF conventions are applied.

    Args:
        path: The file, or the folder of a zarr store.
        table: Description of the file; may be empty if the file names its axes, as xarray's do.
        files: Opens HDF5 files; may be shared between readers.

    Raises:
        ValueError: If the file cannot be read, or does not fit the table.
    """

    def __init__(self, path: str | Path, table: Table, files: OpenHDF5 | None = None) -> None:
        self.arrays = open_arrays(path, files)
        self.places = find_layout(self.arrays, table)
        sizes = self.places.sizes
        ids = [f"{Path(path).name}/{number}" for number in range(sizes.get(RUN, 1))]
        description, assumed = self._describe()
        identity = f"{self.arrays.identity} {table}"
        super().__init__(str(path), identity, description, ids, sizes[TIME], assumed)
        self.layout = f"one's own arrays ({self.arrays.kind})"
        self.units = {field.part.name: self._unit(field.stored) for field in self.places.fields}
        self.parameters = {
            name: self._parameter(name, value) for name, value in table.parameters.items()
        }

    def scalars(self, trajectory: int) -> dict[str, float]:
        """Parameters of a trajectory by name."""
        return {
            name: float(values[trajectory if len(values) > 1 else 0])
            for name, values in self.parameters.items()
        }

    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        read: dict[str, np.ndarray] = {}
        times = slice(start, start + len(out))
        for number, field in enumerate(self.places.fields):
            name = field.stored.name
            if name not in read:
                read[name] = self._read(field.stored, trajectory, times)
            with np.errstate(over="ignore"):  # what fp32 cannot hold is found below
                out[:, number] = read[name][:, field.component]
        self.finish(trajectory, start, out, trajectory)

    def _read(self, stored: Stored, trajectory: int, times: slice) -> np.ndarray:
        """Part of an array as (time, component, *space); an axis that it lacks has one point."""
        index = {RUN: trajectory, TIME: times, "": 0}
        parts = tuple(index.get(role, slice(None)) for role in stored.roles)
        values = self._decoded(stored.name, self.arrays.read(stored.name, parts))
        order = (TIME, COMPONENT, *self.places.letters)
        kept = [role for role in stored.roles if role not in (RUN, "")]
        values = values.transpose([kept.index(role) for role in order if role in kept])
        lacking = tuple(place for place, role in enumerate(order) if role not in kept)
        return np.expand_dims(values, lacking)

    def _decoded(self, name: str, values: np.ndarray) -> np.ndarray:
        """Apply scale, offset and fill values of the CF conventions."""
        scale, offset = self._number(name, "scale_factor"), self._number(name, "add_offset")
        blanks = [blank for key in MISSING if (blank := self._number(name, key)) is not None]
        if scale is None and offset is None and not blanks:
            return values
        wide = values * (1.0 if scale is None else scale) + (offset or 0.0)
        return np.where(np.isin(values, blanks), np.nan, wide)

    def still(self, name: str, trajectory: int) -> Float32[np.ndarray, "*space"]:
        stored = find_constant(self.arrays, Source(name), self.places)
        values = self._read(stored, trajectory, slice(None))[0, 0]
        return np.broadcast_to(values, self.description.shape).astype(np.float32)

    def _unit(self, stored: Stored) -> str:
        """Unit of an array in its attributes; empty if there is none."""
        words = texts(self.arrays.attribute(stored.name, "units"))
        return " ".join(word for word in words if isinstance(word, str))

    def _number(self, name: str, key: str) -> float | None:
        """Attribute that is a number."""
        value = np.asarray(self.arrays.attribute(name, key))
        return float(value.flat[0]) if value.dtype.kind in "fiu" and value.size == 1 else None

    def _parameter(self, name: str, value: float | str) -> np.ndarray:
        """Values of a parameter: one for all trajectories, or one of each."""
        if not isinstance(value, str):
            return np.array([value], np.float64)
        found = self.arrays.attribute("/", value)
        if self.arrays.holds(value):
            found = self.arrays.read(value)
        found = np.atleast_1d(np.asarray(found))
        if found.dtype.kind not in "fiu" or found.shape not in {(1,), (len(self),)}:
            reason = f"{value!r} is no array of 1 or {len(self)} numbers, nor an attribute"
            raise ArgumentError("parameters", f"{self.arrays.path}: {name}: {reason}")
        return found.astype(np.float64)

    def _describe(self) -> tuple[Description, dict[str, str]]:
        """Description, and what the file does not say."""
        letters, shape = self.places.letters, self.places.shape
        lines = [self._line(letter, (letter,)) for letter in letters]
        spacing, assumed = grid_spacing(lines, letters, shape)
        dt = time_step(f"{self.arrays.path}: times", self._line(TIME, TIMES))
        if dt is None:
            assumed["dt"] = UNTIMED
        boundaries = self._boundaries(len(shape))
        if boundaries is None:
            assumed["boundaries"] = "not in the file"
        parts = tuple(field.part for field in self.places.fields)
        blank: tuple[Boundary, ...] = ("open",) * len(shape)
        known = Description(parts, shape, boundaries or blank, spacing, dt or 1.0)
        return known, assumed

    def _boundaries(self, axes: int) -> tuple[Boundary, ...] | None:
        """Boundaries from an attribute ``boundaries`` of the file."""
        words = texts(self.arrays.attribute("/", "boundaries"))
        try:
            return name_boundaries(words, axes) if words else None
        except ValueError as error:
            raise ValueError(f"{self.arrays.path}: /: {error}") from error

    def _line(self, role: str, names: tuple[str, ...]) -> Line | None:
        """Coordinates of an axis: the array of its name, beside the first field or at the top."""
        stored = self.places.fields[0].stored
        place = stored.roles.index(role)
        words = self.arrays.dimensions(stored.name)
        group = stored.name.rpartition("/")[0]
        for name in words[place : place + 1] or names:
            for key in dict.fromkeys((f"{group}/{name}" if group else name, name)):
                if self.arrays.holds(key) and self.arrays.shape(key)[-1:] == (stored.shape[place],):
                    values = self._decoded(key, self.arrays.read(key).astype(np.float64))
                    return steps_of(values.reshape(-1, stored.shape[place]))
        return None
