"""A physical system that can be simulated: its fields, boundaries, defaults and function."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from mpp.simulate import validation
from mpp.simulate.finite_volume import Boundary
from sciformer.arguments import ArgumentError, check_least, check_positive

CELLS = 32_768  # simulated together: their arrays stay in the cache of one core
NONE: Mapping[str, float | int] = MappingProxyType({})


class Field(NamedTuple):
    """A quantity.

    Args:
        name: As the network's vocabulary has it.
        unit: ``1`` where it has none.
        axis: The spatial axis of a vector's component, None for a scalar.
        conserved: Whether its mean over space never changes.
    """

    name: str
    unit: str = "1"
    axis: int | None = None
    conserved: bool = False


class System(NamedTuple):
    """A physical system and the regime that is simulated by default.

    Args:
        name: Its key in the registry.
        fields: In the order of the arrays.
        boundaries: Of each spatial axis; x is the first.
        extent: Length of each spatial axis.
        shape: Default points of each spatial axis.
        frames: Default number of frames.
        dt: Default time between frames.
        parameters: Default physical parameters.
        function: What simulates, called with seed, numbers of trajectories, frames, shape, dt and
            the parameters by name.
    """

    name: str
    fields: tuple[Field, ...]
    boundaries: tuple[Boundary, ...]
    extent: tuple[float, ...]
    shape: tuple[int, ...]
    frames: int
    dt: float
    parameters: Mapping[str, float | int]
    function: Callable[..., np.ndarray]

    def simulate(
        self,
        seed: int,
        samples: int,
        first: int = 0,
        frames: int | None = None,
        shape: tuple[int, ...] | None = None,
        dt: float | None = None,
        parameters: Mapping[str, float | int] = NONE,
    ) -> Float32[np.ndarray, "trajectory time field *grid"]:
        """Simulate trajectories ``first`` to ``first + samples`` of a seed.

        A trajectory depends on the seed, its number and the parameters only.

        Args:
            seed: Seed of the data set; not negative.
            samples: Number of trajectories.
            first: Number of the first one.
            frames: Frames of each; the default of the system where None.
            shape: Points of each spatial axis; the default of the system where None.
            dt: Time between frames; the default of the system where None.
            parameters: Physical parameters that differ from the default.

        Returns:
            All frames of all fields.

        Raises:
            ValueError: A parameter is unknown or out of range.
        """
        check_least(samples=(samples, 1), first=(first, 0), seed=(seed, 0))
        frames = self.frames if frames is None else frames
        shape = self.shape if shape is None else tuple(shape)
        dt = self.dt if dt is None else dt
        validation.grid(shape, frames, axes=len(self.shape))
        check_positive(dt=dt)
        values = {**self.parameters, **self._typed(parameters)}
        together = max(1, CELLS // max(1, int(np.prod(shape))))
        numbers = range(first, first + samples)
        parts = (numbers[at : at + together] for at in range(0, samples, together))
        return np.concatenate(
            [self.function(seed, part, frames, shape, dt, **values) for part in parts]
        )

    def _typed(self, parameters: Mapping[str, float | int]) -> dict[str, float | int]:
        """Parameters of the types of the defaults: a YAML's 1 is a gravity, its 4.0 a number."""
        typed = {}
        for name, value in parameters.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters)
                raise ArgumentError(name, f"no parameter of {self.name}, which has {known}")
            typed[name] = type(self.parameters[name])(value)
            if typed[name] != value:
                raise ArgumentError(name, f"{value} is no whole number")
        return typed
