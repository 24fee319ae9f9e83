"""Simulated trajectories as samples of shards, and shards as trajectories."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from mpp.data.fields import Boundary, Component, Description
from mpp.data.simulated import arguments, describe
from mpp.data.trajectories import Frames, Trajectories, check_finite
from mpp.simulate.registry import system as find
from sciformer.data.index import Recipe
from sciformer.data.sharded import ShardedDataset

GENERATOR = "mpp.data.shards:make_sample"
VERSION = "1"


class Sample(NamedTuple):
    """A trajectory."""

    frames: Float32[np.ndarray, "time field *space"]


def recipe(
    system: str, seed: int, count: int, shards: int, options: Mapping[str, Any] | None = None
) -> Recipe:
    """What :func:`sciformer.data.shards.write_shards` writes for a simulated system.

    Args:
        system: Its name.
        seed: Of the trajectories.
        count: Of trajectories.
        shards: Files.
        options: ``frames``, ``shape``, ``dt`` and ``parameters``, where not the system's own.

    Returns:
        The recipe, which says all that a reader has to know.
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
    """One trajectory: a pure function of its number and the recipe.

    Args:
        number: Of the trajectory.
        system: Name of a simulated system.
        seed: Of the data set.
        options: ``frames``, ``shape``, ``dt`` and ``parameters``, where not the system's own.

    Returns:
        The fields of a ``Sample``.
    """
    return {"frames": find(system).simulate(seed, 1, first=number, **arguments(options or {}))[0]}


class Shards(Trajectories):
    """The trajectories of a folder of shards. Each read fetches one of them whole.

    Args:
        folder: A path, or an address that fsspec knows.

    Raises:
        ValueError: If the folder cannot be read, or holds something else.
    """

    def __init__(self, folder: str | Path) -> None:
        self.data = ShardedDataset(folder, Sample)
        index = self.data.folder.index
        made = index.recipe
        if (made.generator, made.version) != (GENERATOR, VERSION):
            raise ValueError(
                f"{folder}: made by {made.generator} {made.version}, not {GENERATOR} {VERSION}"
            )
        try:
            description, frames = _described(made.options["description"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{folder}: options: {error!r} in its description") from error
        name = made.options.get("system")
        ids = [f"{name}/{made.seed}/{number}" for number in range(made.count)]
        identity = " ".join(shard.sha256 for shard in index.shards)
        super().__init__(str(folder), identity, description, ids, frames)

    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        frames = self.data[trajectory].frames
        if frames.shape != (self.frames, *self.frame_shape):
            raise ValueError(
                f"{self.where}: {trajectory}: frames: shape {frames.shape} is not "
                f"{(self.frames, *self.frame_shape)}"
            )
        out[...] = frames[start : start + len(out)]
        check_finite(out, start, self.description.names, f"{self.where}: {trajectory}")


def _described(said: Mapping[str, Any]) -> tuple[Description, int]:
    boundaries: Sequence[Boundary] = said["boundaries"]
    return (
        Description(
            tuple(Component(name, base, tuple(axes)) for name, base, axes in said["components"]),
            tuple(said["shape"]),
            tuple(boundaries),
            tuple(said["spacing"]),
            said["dt"],
            tuple(said["flips"]),
            said["turns"],
            tuple(said.get("conserved", ())),  # which older shards do not say
        ),
        said["frames"],
    )
