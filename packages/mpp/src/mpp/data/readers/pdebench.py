"""The HDF5 files of PDEBench (Takamoto et al. 2022, arXiv 2210.07182).

What a file holds is found out from its keys and shapes. The diffusion-reaction set alone is stored
as (time, y, x); it is turned on reading. The others are (time, x, y).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mpp.data.description import Description, by_name, renamed, square
from mpp.data.grid import Line, line, need_floats, step
from mpp.data.trajectories import Frames, Trajectories, check_finite
from mpp.nn.bias import Boundary
from sciformer.data.hdf5 import HDF5, OpenHDF5

VELOCITIES = {"Vx": "velocity_x", "Vy": "velocity_y", "Vz": "velocity_z"}
TIMES = ("t-coordinate", "t")


class Part(NamedTuple):
    """Where a field lies.

    Args:
        key: Of the dataset; ``{}`` in it is the key of a group.
        channel: Along the dataset's last axis, None if it has none of channels.
        name: Of the field.
        conserved: Whether its mean over space stays what it is.
    """

    key: str
    channel: int | None
    name: str
    conserved: bool = False


class Kind(NamedTuple):
    """One of the sets.

    Args:
        parts: Its fields.
        boundary: Of all axes.
        mirrored: Whether mirror images and quarter turns are solutions as well.
        swapped: Whether the axes of space are stored as (y, x).
        grouped: Whether each trajectory is a group of its own.
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
SORPTION = Kind(  # fixed on the left and free on the right
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
    mirrored=False,  # one direction
)


def compressible(axes: int) -> Kind:
    """Compressible flow: a dataset for each component of the velocity, density and pressure."""
    parts = [Part(key, None, name) for key, name in list(VELOCITIES.items())[:axes]]
    parts += [Part("density", None, "density", conserved=True), Part("pressure", None, "pressure")]
    return Kind(tuple(parts), "periodic")


class PDEBench(Trajectories):
    """The trajectories of one file of PDEBench.

    Args:
        path: The file.
        fields: Names of its fields in place of ours, in the order of ours; the one field of a file
            with ``tensor`` is the velocity of Burgers or the tracer of advection by the file's name
            and has to be named otherwise.
        files: What opens it, to be shared by many of them.

    Raises:
        ValueError: If the file cannot be read or is of none of the sets.
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
        """(time, *space) of all fields."""
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
        """(time, *space) of a field, and whether its dataset is what it should be."""
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
        """An unfinished file of incompressible flow says which frame it has reached."""
        last = self.source.whole_number("/", "latestIndex")
        if last is not None and last + 1 < frames:
            raise ValueError(
                f"{self.source.path}: latestIndex: truncated: {last}, but there is room for "
                f"{frames} frames"
            )
        key = self.kind.parts[0].key.format(group)
        # The sets without groups have the end of the last step as well. A single frame is refused
        # whatever its times.
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
        """The first of some lines that is there."""
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
        """See that a field of a trajectory is as in the first one."""
        shape = self._shape(part, group)
        if shape != (self.frames, *self.stored):
            raise ValueError(
                f"{self.where}: {part.key.format(group)}: truncated: (time, *space) is {shape}, "
                f"but {self.keys[0]} has {(self.frames, *self.stored)}"
            )


def _kind(source: HDF5, groups: list[str], fields: tuple[str, ...] | None) -> Kind:
    """Which set a file belongs to."""
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
