r"""Viscous Burgers' equation on the periodic unit interval.

$$\partial_t u + \partial_x (u^2 / 2) = \nu \partial_{xx} u$$
by MUSCL with a local Lax-Friedrichs flux and central diffusion. PDEBench writes nu / pi for nu.
"""

from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.random import Generator
from torch import Tensor

from mpp.simulate import validation
from mpp.simulate.finite_volume import conservative_rate, padded
from mpp.simulate.initial_states import Sampling, smooth
from mpp.simulate.time_stepping import heun, march
from sciformer.arguments import check_not_negative, check_positive


def random_burgers(
    sampling: Sampling,
    viscosity: float = 0.01 / np.pi,
    modes: int = 4,
) -> Float[np.ndarray, "trajectory time field width"]:
    """Simulate Burgers' equation from random smooth velocities, which steepen into shocks.

    Args:
        sampling: Trajectories and grid; dt is 0.01 in PDEBench, for 201 frames.
        viscosity: Kinematic viscosity nu.
        modes: Largest wave number of the initial state, in waves per domain.

    Returns:
        Velocity.
    """

    def draw(rng: Generator) -> np.ndarray:
        return smooth(rng, (1, *sampling.shape), modes)

    return burgers(sampling.drawn("burgers", draw), sampling.frames, sampling.dt, viscosity)


def burgers(
    state: Float[np.ndarray, "trajectory field width"],
    frames: int,
    dt: float,
    viscosity: float,
    cfl: float = 0.8,
) -> Float64[np.ndarray, "trajectory time field width"]:
    """Solve viscous Burgers' equation from given initial velocities.

    Args:
        state: Velocity.
        frames: Frames to return, including the initial state.
        dt: Time between frames.
        viscosity: Kinematic viscosity nu.
        cfl: Time step over the largest stable one; in (0, 1].

    Returns:
        Velocity in every frame.

    Raises:
        ValueError: A parameter is out of range.
    """
    check_positive(dt=dt)
    check_not_negative(viscosity=viscosity)
    validation.at_most(1.0, cfl=cfl)
    width = 1 / state.shape[-1]

    def rate(u: Tensor) -> Tensor:
        wide = padded(u, -1, "periodic", 1)
        curvature = wide[..., 2:] - 2 * u + wide[..., :-2]
        change = conservative_rate(u, _flux, ("periodic",), (width,))
        return change + viscosity / width**2 * curvature

    def limit(u: Tensor) -> Tensor:
        return cfl / (u.abs().amax((1, 2)) / width + 2 * viscosity / width**2).clamp_min(1e-12)

    start = torch.as_tensor(state, dtype=torch.float64)
    return march(start, frames, dt, limit, partial(heun, rate=rate)).numpy()


def _flux(left: Tensor, right: Tensor, axis: int) -> Tensor:
    """Rusanov (1961) flux: mean flux minus half the fastest speed times the jump."""
    assert axis == 0
    fastest = torch.maximum(left.abs(), right.abs())
    return 0.25 * (left * left + right * right) - 0.5 * fastest * (right - left)
