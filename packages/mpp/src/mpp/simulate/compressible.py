r"""Compressible Navier-Stokes of an ideal gas, periodic, started from random smooth states.

$$\partial_t \rho + \nabla\cdot(\rho v) = 0, \quad
  \partial_t (\rho v) + \nabla\cdot(\rho v \otimes v + p - \sigma) = 0, \quad
  \partial_t E + \nabla\cdot((E + p) v - \sigma v) = 0$$
$$E = p / (\gamma - 1) + \rho |v|^2 / 2, \quad
  \sigma = \eta (\nabla v + \nabla v^T - \tfrac23 \nabla\cdot v) + \zeta \nabla\cdot v$$
(PDEBench, Takamoto et al. 2022, arXiv 2210.07182; no heat conduction) by MUSCL, HLLC and central
viscous fluxes. Dimensionless: density, pressure and the side of the square are about 1. x runs
along the first spatial axis, y along the second.
"""

from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from numpy.random import Generator
from torch import Tensor

from mpp.simulate import validation
from mpp.simulate.boundary import Boundary
from mpp.simulate.finite_volume import conservative_rate
from mpp.simulate.hllc import hllc
from mpp.simulate.initial_states import Sampling, smooth
from mpp.simulate.time_stepping import heun, march
from mpp.simulate.viscous_stress import viscous_rate
from sciformer.arguments import ArgumentError, check_not_negative, check_positive

GAMMA = 5 / 3  # PDEBench's


def random_compressible(
    sampling: Sampling,
    mach: float = 0.1,
    eta: float = 1e-8,
    zeta: float = 1e-8,
    contrast: float = 0.1,
    modes: int = 4,
) -> Float[np.ndarray, "trajectory time field height width"]:
    """Simulate compressible flow on the periodic unit square from random smooth states.

    Args:
        sampling: Trajectories and grid; dt is 0.05 in PDEBench, for 21 frames.
        mach: Mach number, RMS speed over speed of sound; 0.1 or 1 in PDEBench.
        eta: Shear viscosity; 1e-8, 0.01 or 0.1 in PDEBench.
        zeta: Bulk viscosity; as eta in PDEBench.
        contrast: Standard deviation of the logarithms of density and pressure.
        modes: Largest wave number of the initial state, in waves per side.

    Returns:
        Density, velocity along x and along y, pressure.
    """
    check_not_negative(mach=mach, contrast=contrast)
    speed = mach * (GAMMA / 2) ** 0.5  # of each component

    def draw(rng: Generator) -> np.ndarray:
        rho, u, v, p = (smooth(rng, sampling.shape, modes) for _ in range(4))
        return np.stack((np.exp(contrast * rho), speed * u, speed * v, np.exp(contrast * p)))

    state = sampling.drawn("compressible", draw).astype(np.float32)  # twice as fast
    return compressible(state, sampling.frames, sampling.dt, eta, zeta)


def compressible(
    state: Float[np.ndarray, "trajectory field height width"],
    frames: int,
    dt: float,
    eta: float = 0.0,
    zeta: float = 0.0,
    gamma: float = GAMMA,
    extent: tuple[float, float] = (1.0, 1.0),
    boundaries: tuple[Boundary, Boundary] = ("periodic", "periodic"),
    cfl: float = 0.8,
) -> Float[np.ndarray, "trajectory time field height width"]:
    """Solve the compressible Navier-Stokes equations, in the precision of the initial state.

    Args:
        state: Density, velocity along x and along y, pressure.
        frames: Frames to return, including the initial state.
        dt: Time between frames.
        eta: Shear viscosity.
        zeta: Bulk viscosity.
        gamma: Ratio of specific heats; above 1.
        extent: Length of the domain along x and along y.
        boundaries: Boundary along x and along y.
        cfl: CFL number: cells that the fastest wave crosses in a step, summed over axes, together
            with the viscous limit; in (0, 1].

    Returns:
        The fields of the state in every frame.

    Raises:
        ValueError: A parameter is out of range, or density or pressure are not positive.
    """
    check_positive(dt=dt, extent=min(extent))
    if not 1 < gamma < np.inf:
        raise ArgumentError("gamma", f"{gamma} is not above 1")
    check_not_negative(eta=eta, zeta=zeta)
    validation.at_most(1.0, cfl=cfl)
    for name, values in (("density", state[:, 0]), ("pressure", state[:, 3])):
        if not values.min() > 0:
            raise ValueError(f"{name} is {values.min()} somewhere; it has to be positive")
    spacing = (extent[0] / state.shape[-2], extent[1] / state.shape[-1])
    flux = partial(hllc, gamma=gamma)
    parabolic = 2 * (4 / 3 * eta + zeta) * sum(width**-2 for width in spacing)

    def rate(conserved: Tensor) -> Tensor:
        q = _primitive(conserved, gamma)
        change = conservative_rate(q, flux, boundaries, spacing)
        if parabolic:
            change[:, 1:] += viscous_rate(q[:, 1:3], eta, zeta, boundaries, spacing)
        return change

    def limit(conserved: Tensor) -> Tensor:
        rho, u, v, p = _primitive(conserved, gamma).unbind(1)
        c = (gamma * p / rho).sqrt()
        crossings = (u.abs() + c) / spacing[0] + (v.abs() + c) / spacing[1]
        return cfl / (crossings + parabolic / rho).amax((-2, -1))

    start = _conserved(torch.as_tensor(state), gamma)
    out = march(start, frames, dt, limit, partial(heun, rate=rate))
    return _primitive(out.flatten(0, 1), gamma).unflatten(0, out.shape[:2]).numpy()


def _primitive(conserved: Tensor, gamma: float) -> Tensor:
    rho, energy = conserved[:, :1], conserved[:, 3:]
    velocity = conserved[:, 1:3] / rho
    kinetic = 0.5 * (velocity * conserved[:, 1:3]).sum(1, keepdim=True)
    return torch.cat((rho, velocity, (gamma - 1) * (energy - kinetic)), 1)


def _conserved(primitive: Tensor, gamma: float) -> Tensor:
    rho, velocity, p = primitive[:, :1], primitive[:, 1:3], primitive[:, 3:]
    kinetic = 0.5 * rho * (velocity**2).sum(1, keepdim=True)
    return torch.cat((rho, rho * velocity, p / (gamma - 1) + kinetic), 1)
