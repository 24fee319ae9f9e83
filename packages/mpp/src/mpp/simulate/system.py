"""A physical system that can be simulated: its fields, boundaries, defaults and function."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from mpp.simulate import validation
from mpp.simulate.boundary import Boundary
from mpp.simulate.initial_states import Sampling
from sciformer.arguments import check_least, check_positive, numeric_parameters, with_defaults

CELLS = 32_768  # cells simulated at a time: their arrays fit into the cache of one core
NONE: Mapping[str, float | int] = MappingProxyType({})


class Field(NamedTuple):
    """A field of a physical system.

    Args:
        name: Name in the network's vocabulary.
        unit: Unit; ``1`` if dimensionless.
        axis: Spatial axis of a vector component; None for a scalar.
        conserved: Whether its spatial mean is conserved.
    """

    name: str
    unit: str = "1"
    axis: int | None = None
    conserved: bool = False


class System(NamedTuple):
    """A physical system: fields, boundaries, default parameters and simulator.

    Args:
        name: Key in the registry.
        fields: Fields in the order of the arrays.
        extent: Length of each spatial axis.
        dt: Default time between frames.
        function: Simulator, called with a ``Sampling`` and the parameters by name.
        solve: Solver, called with initial states (all fields), frames, dt and all parameters.
        boundaries: Boundary of each spatial axis; x is the first.
        shape: Default number of points of each spatial axis.
        frames: Default number of frames.
    """

    name: str
    fields: tuple[Field, ...]
    extent: tuple[float, ...]
    dt: float
    function: Callable[..., np.ndarray]
    solve: Callable[[np.ndarray, int, float, Mapping[str, Any]], np.ndarray]
    boundaries: tuple[Boundary, ...] = ("periodic", "periodic")
    shape: tuple[int, ...] = (64, 64)
    frames: int = 24

    @property
    def parameters(self) -> Mapping[str, float | int]:
        """Default physical parameters: those of the function that are single numbers."""
        return numeric_parameters(self.function)

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

        A trajectory depends on the seed, its index and the parameters only.

        Args:
            seed: Seed of the data set; at least 0.
            samples: Number of trajectories.
            first: Index of the first trajectory.
            frames: Frames of each; None takes the system's default.
            shape: Points of each spatial axis; None takes the system's default.
            dt: Time between frames; None takes the system's default.
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
        values = with_defaults(self.parameters, parameters, self.name)
        together = max(1, CELLS // max(1, int(np.prod(shape))))
        numbers = range(first, first + samples)
        parts = (numbers[at : at + together] for at in range(0, samples, together))
        sampling = Sampling(seed, numbers, frames, shape, dt)
        out = [self.function(sampling._replace(trajectories=part), **values) for part in parts]
        return np.concatenate(out).astype(np.float32, copy=False)

    def solve_from(
        self,
        states: Float[np.ndarray, "trajectory field *grid"],
        frames: int,
        dt: float,
        parameters: Mapping[str, float | int] = NONE,
    ) -> Float32[np.ndarray, "trajectory time field *grid"]:
        """Solve the system's equations from given frames, on the grid of these.

        Args:
            states: All fields of the system.
            frames: Frames to return, including the given one.
            dt: Time between frames.
            parameters: Physical parameters that differ from the default.

        Returns:
            All frames of all fields.

        Raises:
            ValueError: A parameter is unknown or out of range, or a state is not physical.
        """
        values = with_defaults(self.parameters, parameters, self.name)
        return self.solve(states, frames, dt, values).astype(np.float32, copy=False)
