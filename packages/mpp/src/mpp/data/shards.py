"""Write simulated trajectories as shards, and read them."""

from collections.abc import Mapping
from operator import index
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from jaxtyping import Float32

from mpp.data.description import COORDINATES, Component, Description
from mpp.data.simulated import arguments, describe, scalars_of
from mpp.data.trajectories import Frames, Trajectories
from mpp.simulate.boundary import Boundary
from mpp.simulate.registry import system as find
from sciformer.data.shards.dataset import ShardedDataset
from sciformer.data.shards.index import Recipe

GENERATOR = "mpp.data.shards:make_sample"
VERSION = "1"


class Sample(NamedTuple):
    """One trajectory."""

    frames: Float32[np.ndarray, "time field *space"]


def recipe(
    system: str, seed: int, count: int, shards: int, options: Mapping[str, Any] | None = None
) -> Recipe:
    """Recipe for :func:`sciformer.data.shards.writer.write_shards` to write a simulated system.

    Args:
        system: Name of the system.
        seed: Seed of the trajectories.
        count: Number of trajectories.
        shards: Number of shard files.
        options: ``frames``, ``shape``, ``dt`` and ``parameters`` that differ from the system's
            defaults.

    Returns:
        The recipe, which also tells a reader the layout.
    """
    options = dict(options or {})
    description, frames = describe(system, options)
    said = {
        "components": [list(part) for part in description.components],
        "shape": description.shape,
        "boundaries": description.boundaries,
        "spacing": description.spacing,
        "dt": description.dt,
        "flips": description.flips,
        "turns": description.turns,
        "conserved": description.conserved,
        "frames": frames,
    }
    units = {field.name: field.unit for field in find(system).fields}
    every = {"system": system, "given": options, "description": said, "field_units": units}
    return Recipe(GENERATOR, VERSION, seed, count, shards, {}, every)


def make_sample(
    number: int, system: str, seed: int, options: Mapping[str, Any] | None = None
) -> dict[str, np.ndarray]:
    """Simulate one trajectory, a pure function of the arguments.

    Args:
        number: Index of the trajectory.
        system: Name of a simulated system.
        seed: Seed of the data set.
        options: ``frames``, ``shape``, ``dt`` and ``parameters`` that differ from the system's
            defaults.

    Returns:
        The fields of a ``Sample``.
    """
    return {"frames": find(system).simulate(seed, 1, first=number, **arguments(options or {}))[0]}


class Shards(Trajectories):
    """Trajectories of a folder of shards. Each read loads a whole trajectory.

    Args:
        folder: Path, or address that fsspec supports.

    Raises:
        ValueError: If the folder cannot be read or does not hold trajectories.
    """

    layout = "shards"

    def __init__(self, folder: str | Path) -> None:
        self.data = ShardedDataset(folder, Sample)
        found, where = self.data.folder.index, self.data.folder.address
        made = self.data.folder.made_by(GENERATOR, VERSION)
        try:
            description, frames = _described(made.options["description"])
            self.made_of = scalars_of(made.options["system"], made.options["given"])
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise ValueError(f"{where}: options: {error!r} in its description") from error
        shape, known = (frames, len(description.components), *description.shape), found.fields
        if known["frames"].shape != shape:
            raise ValueError(
                f"{where}: options: frames of {shape}, but the field has {known['frames'].shape}"
            )
        name = made.options.get("system")
        units = made.options.get("field_units")
        self.units = units if isinstance(units, dict) else {}
        ids = [f"{name}/{made.seed}/{number}" for number in range(made.count)]
        identity = " ".join(shard.sha256 for shard in found.shards)
        super().__init__(where, identity, description, ids, frames)

    def scalars(self, trajectory: int) -> dict[str, float]:  # the same for all
        return self.made_of

    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        frames = self.data[trajectory].frames
        if frames.shape != (self.frames, *self.frame_shape):
            raise ValueError(
                f"{self.where}: {trajectory}: frames: shape {frames.shape} is not "
                f"{(self.frames, *self.frame_shape)}"
            )
        out[...] = frames[start : start + len(out)]
        self.finish(trajectory, start, out, trajectory)


def _described(said: Mapping[str, Any]) -> tuple[Description, int]:
    """Description and number of frames from a recipe; raises various errors if malformed."""
    shape = tuple(map(index, said["shape"]))
    boundaries: tuple[Boundary, ...] = tuple(said["boundaries"])
    spacing = tuple(map(float, said["spacing"]))
    if set(boundaries) - set(get_args(Boundary)):
        raise ValueError(f"boundaries: {boundaries}")
    if not 1 <= len(shape) == len(boundaries) == len(spacing) <= len(COORDINATES):
        raise ValueError(f"shape: {shape} for {len(boundaries)} boundaries")
    parts = [(str(name), str(base), *map(index, axes)) for name, base, axes in said["components"]]
    numbers = [*map(index, said["flips"]), *(axis for part in parts for axis in part[2:])]
    if any(not 0 <= axis < len(shape) for axis in numbers):
        raise ValueError(f"components: {parts}: no such axis")
    described = Description(
        tuple(Component(name, base, tuple(axes)) for name, base, *axes in parts),
        shape,
        boundaries,
        spacing,
        float(said["dt"]),
        tuple(said["flips"]),
        bool(said["turns"]),
        tuple(map(str, said.get("conserved", ()))),  # which older shards do not say
    )
    return described, index(said["frames"])
