"""Built-in systems as trajectories."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float32

from mpp.data.description import Component, Description, square
from mpp.data.trajectories import Frames, Trajectories
from mpp.simulate.registry import system as find
from sciformer.arguments import ArgumentError

VERSION = 1  # of the simulators' numbers: another one makes caches anew
OPTIONS: dict[str, Any] = {  # of a simulation, by the type of the value
    "frames": int,
    "shape": list[int],
    "dt": float,
    "parameters": dict[str, float],
}


class Simulated(Trajectories):
    """Simulated trajectories; all are computed when the first is needed.

    Args:
        system: Name of a built-in system.
        count: Number of trajectories.
        seed: Seed; trajectory ``n`` is a function of the seed, ``n`` and the options.
        options: ``frames``, ``shape``, ``dt`` and ``parameters`` that differ from the system's
            defaults.

    Raises:
        ValueError: If there is no such system or option.
    """

    def __init__(
        self, system: str, count: int, seed: int = 0, options: Mapping[str, Any] | None = None
    ) -> None:
        self.system, self.count, self.seed = system, count, seed
        self.options = dict(options or {})
        description, frames = describe(system, self.options)
        ids = [f"{system}/{seed}/{number}" for number in range(count)]
        given = json.dumps([VERSION, system, count, seed, self.options], sort_keys=True)
        super().__init__(f"simulated {system}", given, description, ids, frames)
        self.made_by = system, self.options.get("parameters") or {}

    @cached_property
    def arrays(self) -> Float32[np.ndarray, "trajectory time field *space"]:
        """All frames of all trajectories."""
        try:
            return find(self.system).simulate(self.seed, self.count, **arguments(self.options))
        except ArgumentError as error:
            raise (error if error.name in OPTIONS else error.inside("parameters")) from error
        except ValueError as error:
            raise ValueError(f"{self.where}: {error}") from error

    def prepare(self) -> None:
        """Run the simulation."""
        assert len(self.arrays) == len(self)

    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        out[...] = self.arrays[trajectory, start : start + len(out)]
        self.finish(trajectory, start, out, self.ids[trajectory])


def arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """Convert options from JSON to a system's arguments; lists become tuples."""
    given = {key: value for key, value in options.items() if value is not None}
    return {**given, "shape": tuple(given["shape"])} if "shape" in given else given


def describe(system: str, options: Mapping[str, Any]) -> tuple[Description, int]:
    """Description of a system's trajectories, and their number of frames.

    Args:
        system: Name of a built-in system.
        options: Options of the simulation.

    Returns:
        The description, and the number of frames.

    Raises:
        ValueError: If there is no such system or option.
    """
    found = find(system)
    unknown = sorted(options.keys() - OPTIONS.keys())
    if unknown:
        raise ArgumentError(unknown[0], f"no such option; there are {', '.join(sorted(OPTIONS))}")
    shape = tuple(options.get("shape") or found.shape)
    if len(shape) != len(found.shape) or min(shape) < 1:
        axes = len(found.shape)
        raise ArgumentError("shape", f"{list(shape)} has not {axes} axes of points, as {system}")
    parts = []
    for field in found.fields:
        if field.axis is None:
            parts.append(Component(field.name, field.name))
        else:
            parts.append(Component(field.name, field.name.rpartition("_")[0], (field.axis,)))
    extent = (options.get("parameters") or {}).get("extent")
    lengths = found.extent if extent is None else (float(extent),) * len(shape)
    spacing = tuple(length / points for length, points in zip(lengths, shape, strict=True))
    known = Description(
        tuple(parts),
        shape,
        found.boundaries,
        spacing,
        float(options.get("dt") or found.dt),
        tuple(range(len(shape))),  # no system of ours has a direction of its own
        conserved=tuple(field.name for field in found.fields if field.conserved),
    )
    return known._replace(turns=len(shape) > 1 and square(known)), int(
        options.get("frames") or found.frames
    )
