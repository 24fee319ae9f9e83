"""Reader of PDEBench's HDF5 files (Takamoto et al. 2022, arXiv 2210.07182).

The layout is detected from keys and shapes. Only the diffusion-reaction set is stored as (time, y,
x) and is transposed on reading; the others are (time, x, y). Compressible flow is periodic or open,
which only the name of a file says.
"""

import re
from pathlib import Path

import numpy as np

from mpp.data.description import COORDINATES, Description, by_name, renamed, square
from mpp.data.grid import UNTIMED, Line, grid_spacing, line, need_floats, points, time_step
from mpp.data.readers.pdebench_sets import UNKNOWN, Part, kind_of, named_boundaries
from mpp.data.trajectories import Frames, Trajectories
from mpp.simulate.boundary import Boundary, name_boundaries
from sciformer.data.hdf5 import HDF5, OpenHDF5, texts

PARAMETERS = ("M", "eta", "zeta", "beta", "nu", "Nu", "rho", "Rho")  # attributes of a file
NAMED = re.compile(r"_(M|eta|zeta|beta|nu|rho)(\d+\.?\d*(?:e[+-]?\d+)?)(?=_|$)", re.IGNORECASE)
TIMES = ("t-coordinate", "t")


class PDEBench(Trajectories):
    """Trajectories of one PDEBench file.

    Args:
        path: The file.
        fields: New names of the fields, in the order of the file. A file with a single ``tensor``
            holds the velocity of Burgers or the tracer of advection if its file name says so;
            otherwise its field must be named.
        files: Opens HDF5 files; may be shared between readers.

    Raises:
        ValueError: If the file cannot be read or its layout is not known.
    """

    layout = "PDEBench"

    def __init__(
        self,
        path: str | Path,
        fields: tuple[str, ...] | None = None,
        files: OpenHDF5 | None = None,
    ) -> None:
        self.source = HDF5(path, files)
        with self.source:
            self.keys = self.source.groups()
            self.kind = kind_of(self.source, self.keys, fields)
            self.names = fields or tuple(part.name for part in self.kind.parts)
            first = self.keys[0] if self.kind.grouped else ""
            frames, *space = self._common_shape(first)
            self.stored = tuple(space)
            if self.kind.swapped:
                space = space[::-1]
            self._check_end(frames, first)
            keys = self.keys
            if not self.kind.grouped:
                count = self.source.count([part.key for part in self.kind.parts])
                keys = [str(number) for number in range(count)]
            ids = [f"{self.source.path.name}/{key}" for key in keys]
            description, assumed = self._describe(tuple(space), frames, first)
        super().__init__(str(path), self.source.identity, description, ids, frames, assumed)

    def scalars(self, trajectory: int) -> dict[str, float]:  # the same for all
        """Parameters in the file's attributes, and others in its name: ``Burgers_Nu0.001``."""
        found = {name: self.source.attribute("/", name) for name in PARAMETERS}
        said = {
            name: float(value)
            for name, value in found.items()
            if isinstance(value, int | float | np.number)
        }
        for name, number in NAMED.findall(self.source.path.stem):
            if name.lower() not in map(str.lower, said):
                said["M" if name in "Mm" else name.lower()] = float(number)
        return said

    def _common_shape(self, group: str) -> tuple[int, ...]:
        """Shape (time, *space) that all fields share."""
        shapes = {part.key: self._shape(part, group) for part in self.kind.parts}
        first = next(iter(shapes))
        for key, shape in shapes.items():
            if shape != shapes[first]:
                raise ValueError(
                    f"{self.source.path}: {key.format(group)}: (time, *space) is {shape}, but "
                    f"{first.format(group)} has {shapes[first]}"
                )
        if min(shapes[first][1:]) < 1:
            raise ValueError(
                f"{self.source.path}: {first.format(group)}: shape {shapes[first]} has no point"
            )
        return shapes[first]

    def _shape(self, part: Part, group: str) -> tuple[int, ...]:
        """Shape (time, *space) of a field; checks the dataset."""
        key = part.key.format(group)
        need_floats(self.source, key)
        whole = self.source.shape(key)
        shape = whole if self.kind.grouped else whole[1:]
        if part.channel is not None:
            if shape[-1:] <= (part.channel,) or not shape:
                raise ValueError(
                    f"{self.source.path}: {key}: shape {whole} has no channel "
                    f"{part.channel} for {part.name}"
                )
            shape = shape[:-1]
        if not 2 <= len(shape) <= 4:
            raise ValueError(
                f"{self.source.path}: {key}: shape {whole} has not 1 to 3 axes of space"
            )
        return shape

    def _check_end(self, frames: int, group: str) -> None:
        """Check that the file is complete, using ``latestIndex`` or the number of times."""
        last = self.source.whole_number("/", "latestIndex")
        if last is not None and last + 1 < frames:
            raise ValueError(
                f"{self.source.path}: latestIndex: truncated: {last}, but there is room for "
                f"{frames} frames"
            )
        key = self.kind.parts[0].key.format(group)
        # Sets without groups store one more time, the end of the last step.
        for name, more in ((f"{group}/grid/t", 0),) if group else ((one, 1) for one in TIMES):
            times = points(self.source, name)
            if times is not None and times > frames + more > 1 + more:
                raise ValueError(
                    f"{self.source.path}: {key}: truncated: {frames} frames, but {name} has {times}"
                )

    def _describe(
        self, space: tuple[int, ...], frames: int, group: str
    ) -> tuple[Description, dict[str, str]]:
        """Description, and what the file does not say."""
        times = self._line(frames, f"{group}/grid/t", *TIMES)
        dt = time_step(f"{self.source.path}: times", times)
        names = COORDINATES[: len(space)]
        lines = [self._line(None, f"{group}/grid/{one}", f"{one}-coordinate") for one in names]
        spacing, assumed = grid_spacing(lines, names, space)
        if dt is None:
            assumed["dt"] = UNTIMED
        boundaries = self._boundaries(len(space))
        if len(boundaries) != 1:
            self.asks = bool(boundaries) or self.kind is UNKNOWN
            assumed["boundaries"] = (
                "not in the file, and its name is of no set of PDEBench (which have periodic or "
                "trans in it)" + ("" if self.asks else ": periodic is assumed")
            )
        known = Description(
            tuple(
                renamed(by_name(part.name), name)
                for part, name in zip(self.kind.parts, self.names, strict=True)
            ),
            space,
            boundaries[0] if len(boundaries) == 1 else ("periodic",) * len(space),
            spacing,
            1.0 if dt is None else dt,
            tuple(range(len(space))) if self.kind.mirrored else (),
            conserved=tuple(
                name
                for part, name in zip(self.kind.parts, self.names, strict=True)
                if part.conserved
            ),
        )
        turns = self.kind.mirrored and len(space) > 1 and square(known)
        return known._replace(turns=turns), assumed

    def _boundaries(self, axes: int) -> list[tuple[Boundary, ...]]:
        """Boundaries from our own attribute, the layout or the file name, if it says them."""
        own = self.source.attribute("/", "boundaries")
        if own is not None:
            try:
                return [name_boundaries(texts(own), axes)]
            except ValueError as error:
                raise ValueError(f"{self.source.path}: /: {error}") from error
        if self.kind.boundary is not None:
            every: tuple[Boundary, ...] = (self.kind.boundary,) * axes
            return [every]
        return named_boundaries(self.source.path.name, axes)

    def _line(self, most: int | None, *keys: str) -> Line | None:
        """Coordinates from the first key that exists."""
        found = (line(self.source, key, most) for key in keys)
        return next((one for one in found if one is not None), None)

    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        group = self.keys[trajectory] if self.kind.grouped else ""
        place = slice(start, start + len(out))
        arrays = {}
        for number, part in enumerate(self.kind.parts):
            key = part.key.format(group)
            if self.kind.grouped:
                self._check_group(part, group)
            if key not in arrays:
                index = (place,) if self.kind.grouped else (trajectory, place)
                arrays[key] = self.source.read(key, index, np.float32)
            piece = arrays[key] if part.channel is None else arrays[key][..., part.channel]
            out[:, number] = piece.swapaxes(1, 2) if self.kind.swapped else piece
        self.finish(trajectory, start, out, group or trajectory)

    def _check_group(self, part: Part, group: str) -> None:
        """Check that a field has the same shape as in the first trajectory."""
        shape = self._shape(part, group)
        if shape != (self.frames, *self.stored):
            raise ValueError(
                f"{self.where}: {part.key.format(group)}: truncated: (time, *space) is {shape}, "
                f"but {self.keys[0]} has {(self.frames, *self.stored)}"
            )
