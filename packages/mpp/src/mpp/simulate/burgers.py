r"""Viscous Burgers' equation on the periodic unit interval.

$$\partial_t u + \partial_x (u^2 / 2) = \nu \partial_{xx} u$$
by MUSCL with a local Lax-Friedrichs flux and central diffusion. PDEBench writes nu / pi for nu.
"""

from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from numpy.random import Generator
from torch import Tensor

from mpp.simulate import validation
from mpp.simulate.finite_volume import conservative_rate, padded
from mpp.simulate.initial_states import drawn, smooth
from mpp.simulate.time_stepping import heun, march
from sciformer.arguments import check_not_negative, check_positive


def random_burgers(
    seed: int,
    trajectories: range,
    frames: int,
    shape: tuple[int],
    dt: float,
    viscosity: float = 0.01 / np.pi,
    modes: int = 4,
) -> Float32[np.ndarray, "trajectory time field width"]:
    """Simulate a velocity that steepens into shocks.

    Args:
        seed: Seed of the data set.
        trajectories: Numbers of the trajectories.
        frames: Frames of each, the first state among them.
        shape: Cells.
        dt: Time between frames; 0.01 in PDEBench, for 201 frames.
        viscosity: nu.
        modes: Largest number of waves at the start.

    Returns:
        Velocity.
    """

    def draw(rng: Generator) -> np.ndarray:
        return smooth(rng, (1, *shape), modes)

    return burgers(drawn("burgers", seed, trajectories, draw), frames, dt, viscosity).astype(
        np.float32
    )


def burgers(
    state: Float[np.ndarray, "trajectory field width"],
    frames: int,
    dt: float,
    viscosity: float,
    cfl: float = 0.8,
) -> Float64[np.ndarray, "trajectory time field width"]:
    """Evolve a velocity.

    Args:
        state: Velocity.
        frames: Frames returned, the first state among them.
        dt: Time between frames.
        viscosity: nu.
        cfl: Share of the largest stable step; at most 1.

    Returns:
        The velocity in every frame.

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
    """Mean flux less half the fastest speed times the jump (Rusanov 1961)."""
    assert axis == 0
    fastest = torch.maximum(left.abs(), right.abs())
    return 0.25 * (left * left + right * right) - 0.5 * fastest * (right - left)
