r"""Shallow-water equations over a flat bed: radial dam breaks and random periodic states.

$$\partial_t h + \nabla\cdot(h v) = 0, \qquad
  \partial_t (h v) + \nabla\cdot(h v \otimes v + g h^2 / 2) = 0$$
by MUSCL with an HLL flux (Toro 2001, Shock-Capturing Methods for Free-Surface Shallow Flows) in
which transverse momentum is advected with the mass. Dimensionless: depth in units of the mean
depth, speed in units of its gravity wave. x runs along the first spatial axis, y the second.
"""

from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.random import Generator
from torch import Tensor

from mpp.simulate import validation
from mpp.simulate.boundary import Boundary
from mpp.simulate.finite_volume import conservative_rate
from mpp.simulate.initial_states import Sampling, centers, smooth
from mpp.simulate.time_stepping import heun, march
from sciformer.arguments import check_positive


def random_shallow_water(
    sampling: Sampling,
    gravity: float = 1.0,
    extent: float = 5.0,
    waves: float = 0.2,
    speed: float = 0.3,
    modes: int = 4,
) -> Float[np.ndarray, "trajectory time field height width"]:
    """Simulate periodic shallow water from random smooth depth and velocity.

    Args:
        sampling: Trajectories and grid.
        gravity: Gravitational acceleration g.
        extent: Length of each side of the domain.
        waves: Standard deviation of the depth, whose mean is 1; at most 0.25.
        speed: Standard deviation of each component of the velocity.
        modes: Largest wave number of the initial state, in waves per side.

    Returns:
        Depth h, velocity along x and along y.
    """
    validation.at_most(0.25, waves=waves)

    def draw(rng: Generator) -> np.ndarray:
        h, u, v = (smooth(rng, sampling.shape, modes) for _ in range(3))
        h = np.maximum(
            1 + waves * h, 0.1
        )  # clips beyond about 4 standard deviations, so that no cell is dry
        return np.stack((h, speed * u, speed * v))

    state = sampling.drawn("shallow_water", draw)
    return shallow_water(state, sampling.frames, sampling.dt, gravity, (extent, extent))


def dam_break(
    sampling: Sampling,
    gravity: float = 1.0,
    extent: float = 5.0,
    inner: float = 2.0,
    radii: tuple[float, float] = (0.3, 0.7),
) -> Float[np.ndarray, "trajectory time field height width"]:
    """Simulate a radial dam break (PDEBench, Takamoto et al. 2022, arXiv 2210.07182).

    Args:
        sampling: Trajectories and grid; dt is 0.01 in PDEBench, for 101 frames.
        gravity: Gravitational acceleration g.
        extent: Length of each side of the domain; open boundaries, dam at the center.
        inner: Initial depth inside the dam; it is 1 outside.
        radii: Smallest and largest radius of the dam, drawn uniformly.

    Returns:
        Depth h, velocity along x and along y.
    """
    check_positive(inner=inner, extent=extent)
    x, y = (extent * (centers(points) - 0.5) for points in sampling.shape)
    distance = np.hypot(x[:, None], y)

    def draw(rng: Generator) -> np.ndarray:
        h = np.where(distance <= rng.uniform(*radii), inner, 1.0)
        return np.stack((h, 0 * h, 0 * h))

    state = sampling.drawn("dam_break", draw)
    sides = extent, extent
    return shallow_water(state, sampling.frames, sampling.dt, gravity, sides, ("open", "open"))


def shallow_water(
    state: Float[np.ndarray, "trajectory field height width"],
    frames: int,
    dt: float,
    gravity: float = 1.0,
    extent: tuple[float, float] = (1.0, 1.0),
    boundaries: tuple[Boundary, Boundary] = ("periodic", "periodic"),
    cfl: float = 0.8,
) -> Float64[np.ndarray, "trajectory time field height width"]:
    """Solve the shallow-water equations from given initial states.

    Args:
        state: Depth h, velocity along x and along y.
        frames: Frames to return, including the initial state.
        dt: Time between frames.
        gravity: Gravitational acceleration g.
        extent: Length of the domain along x and along y.
        boundaries: Boundary along x and along y.
        cfl: CFL number: cells that the fastest wave crosses in a step, summed over axes; in (0, 1].

    Returns:
        Depth and velocities in every frame.

    Raises:
        ValueError: A parameter is out of range, or the bed is dry somewhere.
    """
    check_positive(dt=dt, gravity=gravity, extent=min(extent))
    validation.at_most(1.0, cfl=cfl)
    if not state[:, 0].min() > 0:
        raise ValueError(f"height is {state[:, 0].min()} somewhere; the bed has to be wet")
    spacing = (extent[0] / state.shape[-2], extent[1] / state.shape[-1])
    flux = partial(_flux, gravity=gravity)

    def rate(conserved: Tensor) -> Tensor:
        return conservative_rate(_primitive(conserved), flux, boundaries, spacing)

    def limit(conserved: Tensor) -> Tensor:
        h, u, v = _primitive(conserved).unbind(1)
        c = (gravity * h).sqrt()
        crossings = (u.abs() + c) / spacing[0] + (v.abs() + c) / spacing[1]
        return cfl / crossings.amax((-2, -1))

    start = torch.as_tensor(state, dtype=torch.float64).clone()
    start[:, 1:] *= start[:, :1]
    out = march(start, frames, dt, limit, partial(heun, rate=rate))
    return _primitive(out, 2).numpy()


def _primitive(conserved: Tensor, dim: int = 1) -> Tensor:
    h = conserved.narrow(dim, 0, 1)
    return torch.cat((h, conserved.narrow(dim, 1, 2) / h), dim)


def _flux(left: Tensor, right: Tensor, axis: int, gravity: float) -> Tensor:
    """HLL fluxes of mass and normal momentum; transverse momentum is advected."""
    normal, along = 1 + axis, 2 - axis
    h_l, u_l, h_r, u_r = left[:, 0], left[:, normal], right[:, 0], right[:, normal]
    c_l, c_r = (gravity * h_l).sqrt(), (gravity * h_r).sqrt()
    s_l = torch.minimum(u_l - c_l, u_r - c_r).clamp_max_(0.0)
    s_r = torch.maximum(u_l + c_l, u_r + c_r).clamp_min_(0.0)
    q_l, q_r = h_l * u_l, h_r * u_r
    f_l, f_r = q_l * u_l + 0.5 * gravity * h_l**2, q_r * u_r + 0.5 * gravity * h_r**2
    product, width = s_l * s_r, s_r - s_l
    mass = (s_r * q_l - s_l * q_r + product * (h_r - h_l)) / width
    out = torch.empty_like(left)
    out[:, 0] = mass
    out[:, normal] = (s_r * f_l - s_l * f_r + product * (q_r - q_l)) / width
    out[:, along] = mass * torch.where(mass > 0, left[:, along], right[:, along])
    return out
