"""Reader of PDEBench's HDF5 files (Takamoto et al. 2022, arXiv 2210.07182).

The layout is detected from keys and shapes. Only the diffusion-reaction set is stored as (time, y,
x) and is transposed on reading; the others are (time, x, y).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mpp.boundary import Boundary
from mpp.data.description import Description, by_name, renamed, square
from mpp.data.grid import Line, line, need_floats, step
from mpp.data.trajectories import Frames, Trajectories, check_finite
from sciformer.data.hdf5 import HDF5, OpenHDF5

VELOCITIES = {"Vx": "velocity_x", "Vy": "velocity_y", "Vz": "velocity_z"}
TIMES = ("t-coordinate", "t")


class Part(NamedTuple):
    """Location of a field in a file.

    Args:
        key: HDF5 key of the dataset; ``{}`` stands for the key of its group.
        channel: Index along the dataset's last axis; None if there is no channel axis.
        name: Name of the field.
        conserved: Whether its spatial mean is conserved.
    """

    key: str
    channel: int | None
    name: str
    conserved: bool = False


class Kind(NamedTuple):
    """File layout of one of PDEBench's sets.

    Args:
        parts: Fields of the set.
        boundary: Boundary type of all axes.
        mirrored: Whether reflections and 90 degree rotations of a solution are solutions.
        swapped: Whether the spatial axes are stored as (y, x).
        grouped: Whether each trajectory is a separate HDF5 group.
    """

    parts: tuple[Part, ...]
    boundary: Boundary
    mirrored: bool = True
    swapped: bool = False
    grouped: bool = False


DAM_BREAK = Kind((Part("{}/data", 0, "height"),), "open", grouped=True)
REACTION = Kind(
    (Part("{}/data", 0, "activator"), Part("{}/data", 1, "inhibitor")),
    "wall",
    swapped=True,
    grouped=True,
)
SORPTION = Kind(  # fixed value on the left, free on the right
    (Part("{}/data", 0, "concentration"),), "wall", mirrored=False, grouped=True
)
INCOMPRESSIBLE = Kind(
    (
        Part("velocity", 0, "velocity_x"),
        Part("velocity", 1, "velocity_y"),
        Part("particles", 0, "tracer"),
    ),
    "wall",
)
BURGERS = Kind((Part("tensor", None, "velocity_x", conserved=True),), "periodic")
ADVECTION = Kind(
    (Part("tensor", None, "tracer", conserved=True),),
    "periodic",
    mirrored=False,  # advects in one direction
)


def compressible(axes: int) -> Kind:
    """Layout of compressible flow: one dataset per velocity component, density and pressure."""
    parts = [Part(key, None, name) for key, name in list(VELOCITIES.items())[:axes]]
    parts += [Part("density", None, "density", conserved=True), Part("pressure", None, "pressure")]
    return Kind(tuple(parts), "periodic")


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

    def __init__(
        self,
        path: str | Path,
        fields: tuple[str, ...] | None = None,
        files: OpenHDF5 | None = None,
    ) -> None:
        self.source = HDF5(path, files)
        with self.source:
            self.keys = self.source.groups()
            self.kind = _kind(self.source, self.keys, fields)
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
            description = self._describe(tuple(space), first)
        super().__init__(str(path), self.source.identity, description, ids, frames)

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
            times = line(self.source, name)
            if times is not None and times.points > frames + more > 1 + more:
                raise ValueError(
                    f"{self.source.path}: {key}: truncated: {frames} frames, but {name} has "
                    f"{times.points}"
                )

    def _describe(self, space: tuple[int, ...], group: str) -> Description:
        dt = step(self._line(f"{group}/grid/t", *TIMES), 1.0)
        spacing = []
        for axis, points in enumerate(space):
            letter = "xyz"[axis]
            found = self._line(f"{group}/grid/{letter}", f"{letter}-coordinate")
            spacing.append(step(found, 1.0 / points))
        known = Description(
            tuple(
                renamed(by_name(part.name), name)
                for part, name in zip(self.kind.parts, self.names, strict=True)
            ),
            space,
            (self.kind.boundary,) * len(space),
            tuple(spacing),
            dt,
            tuple(range(len(space))) if self.kind.mirrored else (),
            conserved=tuple(
                name
                for part, name in zip(self.kind.parts, self.names, strict=True)
                if part.conserved
            ),
        )
        return known._replace(turns=self.kind.mirrored and len(space) > 1 and square(known))

    def _line(self, *keys: str) -> Line | None:
        """Coordinates from the first key that exists."""
        found = (line(self.source, key) for key in keys)
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
        where = f"{self.where}: {group or trajectory}"
        check_finite(out, start, self.description.names, where)

    def _check_group(self, part: Part, group: str) -> None:
        """Check that a field has the same shape as in the first trajectory."""
        shape = self._shape(part, group)
        if shape != (self.frames, *self.stored):
            raise ValueError(
                f"{self.where}: {part.key.format(group)}: truncated: (time, *space) is {shape}, "
                f"but {self.keys[0]} has {(self.frames, *self.stored)}"
            )


def _kind(source: HDF5, groups: list[str], fields: tuple[str, ...] | None) -> Kind:
    """Detect which set a file belongs to."""
    arrays = source.arrays()
    if groups and not arrays:
        kind = _grouped(source, groups[0])
    elif {"velocity", "particles"} & set(arrays):
        kind = INCOMPRESSIBLE
    elif "tensor" in arrays:
        if "nu" in arrays:
            raise ValueError(f"{source.path}: nu: Darcy flow is a single frame; nothing to predict")
        kind = _of_tensor(source, fields)
    elif known := [key for key in (*VELOCITIES, "density", "pressure") if key in arrays]:
        kind = compressible(len(source.shape(known[0])) - 2)
    else:
        there = ", ".join(source.keys()[:8]) or "nothing"
        raise ValueError(f"{source.path}: keys: {there}: in the layout of no set of PDEBench")
    if fields is not None and len(fields) != len(kind.parts):
        raise ValueError(f"{source.path}: fields: {list(fields)}, but it has {len(kind.parts)}")
    return kind


def _grouped(source: HDF5, group: str) -> Kind:
    shape = source.shape(f"{group}/data")
    kinds = {(3, 1): SORPTION, (4, 1): DAM_BREAK, (4, 2): REACTION}
    kind = kinds.get((len(shape), shape[-1] if shape else 0))
    if kind is None:
        raise ValueError(
            f"{source.path}: {group}/data: shape {shape} is neither (time, x, 1), (time, x, y, 1) "
            "nor (time, y, x, 2)"
        )
    return kind


def _of_tensor(source: HDF5, fields: tuple[str, ...] | None) -> Kind:
    name = source.path.name.lower()
    if "burgers" in name:
        return BURGERS
    if "advection" in name:
        return ADVECTION
    if fields is not None:
        return ADVECTION
    raise ValueError(f"{source.path}: tensor: name its field: fields: [NAME]")
