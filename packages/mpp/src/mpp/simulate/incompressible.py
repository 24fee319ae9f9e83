r"""Incompressible Navier-Stokes with a passive tracer, periodic, by a pseudo-spectral method.

$$\partial_t \omega + \nabla\cdot(v \omega) = \nu \Delta \omega, \quad
  \partial_t c + \nabla\cdot(v c) = \kappa \Delta c, \quad
  v = (\partial_y \psi, -\partial_x \psi), \quad \Delta \psi = -\omega$$
with products dealiased by the 2/3 rule (Orszag 1971) and a Runge-Kutta method of order 4 in which
diffusion is exact (integrating factor; Canuto et al. 2006, Spectral Methods).
Dimensionless: side of the square and root mean square speed 1 at the start.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Complex, Float, Float64
from numpy.random import Generator
from torch import Tensor

from mpp.simulate import validation
from mpp.simulate.initial_states import Sampling, smooth
from mpp.simulate.time_stepping import march
from sciformer.arguments import check_not_negative, check_positive

STABLE = 1.3  # 2.8 / (2 pi / 3): stability limit of Runge-Kutta 4 over the largest kept wave number


def random_incompressible(
    sampling: Sampling,
    viscosity: float = 5e-4,
    diffusivity: float = 5e-4,
    modes: int = 4,
) -> Float[np.ndarray, "trajectory time field height width"]:
    """Simulate decaying 2D turbulence that mixes a tracer.

    Args:
        sampling: Trajectories and grid.
        viscosity: nu; the Reynolds number is its inverse.
        diffusivity: Diffusivity kappa of the tracer.
        modes: Largest wave number of the initial state, in waves per side; at most a third of the
            points.

    Returns:
        Velocity along x and along y, tracer (mean 1, standard deviation 0.3 at the start).
    """
    shape = sampling.shape
    validation.at_most(min(shape) / 3, modes=modes)

    def draw(rng: Generator) -> np.ndarray:
        vorticity, tracer = (smooth(rng, shape, modes, slope) for slope in (-1.0, 1.0))
        velocity = Waves.of(shape).velocity(torch.fft.rfft2(torch.as_tensor(vorticity)))
        velocity = torch.fft.irfft2(velocity, s=shape)
        speed = (velocity**2).sum(0).mean().sqrt().item()
        return np.stack((vorticity / speed, 1 + 0.3 * tracer))

    state = sampling.drawn("incompressible", draw)
    return incompressible(state, sampling.frames, sampling.dt, viscosity, diffusivity)


class Waves(NamedTuple):
    """Fourier operators on the half spectrum (rfft) of the unit square."""

    derivative: Complex[Tensor, "2 height half"]
    squared: Float[Tensor, "height half"]
    kept: Float[Tensor, "height half"]
    to_velocity: Complex[Tensor, "2 height half"]

    @staticmethod
    def of(shape: tuple[int, ...]) -> "Waves":
        """Build the operators of a grid."""
        height, width = shape
        kx = torch.fft.fftfreq(height, 1 / height, dtype=torch.float64)
        ky = torch.fft.rfftfreq(width, 1 / width, dtype=torch.float64)
        kept = ((kx.abs() < height / 3)[:, None] & (ky < width / 3)).double()
        k = 2 * torch.pi * torch.stack(torch.meshgrid(kx, ky, indexing="ij"))
        squared = (k**2).sum(0)
        derivative = 1j * k * kept
        turned = torch.stack((derivative[1], -derivative[0]))
        return Waves(derivative, squared, kept, turned * kept / squared.clamp_min(1.0))

    def velocity(
        self, vorticity: Complex[Tensor, "*trajectory height half"]
    ) -> Complex[Tensor, "*trajectory 2 height half"]:
        """Velocity from vorticity, in Fourier space."""
        return self.to_velocity * vorticity.unsqueeze(-3)


def with_vorticity(
    frames: Float[np.ndarray, "trajectory field height width"],
) -> Float[np.ndarray, "trajectory field_out height width"]:
    """Replace the velocity (the first two fields) by its vorticity."""
    u, v = np.fft.rfft2(frames[:, :2]).swapaxes(0, 1)
    along_x, along_y = Waves.of(frames.shape[-2:]).derivative.numpy()
    vorticity = np.fft.irfft2(along_x * v - along_y * u, s=frames.shape[-2:])
    return np.concatenate((vorticity[:, None], frames[:, 2:]), 1)


def incompressible(
    state: Float[np.ndarray, "trajectory field height width"],
    frames: int,
    dt: float,
    viscosity: float,
    diffusivity: float,
    cfl: float = 0.8,
) -> Float64[np.ndarray, "trajectory time field_out height width"]:
    """Solve the vorticity and tracer equations on the unit square.

    Args:
        state: Vorticity and tracer; modes beyond a third of the points are dropped.
        frames: Frames to return, including the initial state.
        dt: Time between frames.
        viscosity: Kinematic viscosity nu.
        diffusivity: Diffusivity kappa of the tracer.
        cfl: CFL number: points that the flow crosses in a step, summed over axes; in (0, 1.3].

    Returns:
        Velocity along x and along y, tracer.

    Raises:
        ValueError: A parameter is out of range.
    """
    check_positive(dt=dt)
    check_not_negative(viscosity=viscosity, diffusivity=diffusivity)
    validation.at_most(STABLE, cfl=cfl)
    height, width = shape = (state.shape[-2], state.shape[-1])
    waves = Waves.of(shape)
    decay = torch.stack((viscosity * waves.squared, diffusivity * waves.squared))

    def rate(spectrum: Tensor) -> Tensor:
        stacked = torch.cat((waves.velocity(spectrum[:, 0]), spectrum), 1)
        u, v, *carried = torch.fft.irfft2(stacked, s=shape).unbind(1)
        carried = torch.stack(carried, 1)
        products = torch.stack((carried * u.unsqueeze(1), carried * v.unsqueeze(1)), 2)
        return -(torch.fft.rfft2(products) * waves.derivative).sum(2)

    def limit(spectrum: Tensor) -> Tensor:
        u, v = torch.fft.irfft2(waves.velocity(spectrum[:, 0]), s=shape).abs().unbind(1)
        return cfl / (u * height + v * width).amax((-2, -1)).clamp_min(1e-12)

    def step(spectrum: Tensor, h: Tensor) -> Tensor:
        h = h.view(-1, 1, 1, 1)
        half = torch.exp(-0.5 * h * decay)
        k1 = rate(spectrum)
        drifted, k1 = half * spectrum, half * k1
        k2 = rate(drifted + 0.5 * h * k1)
        k3 = rate(drifted + 0.5 * h * k2)
        k4 = rate(half * (drifted + h * k3))
        return half * (drifted + h / 6 * k1 + h / 3 * (k2 + k3)) + h / 6 * k4

    start = torch.fft.rfft2(torch.as_tensor(state, dtype=torch.float64)) * waves.kept
    spectra = march(start, frames, dt, limit, step)
    both = torch.cat((waves.velocity(spectra[:, :, 0]), spectra[:, :, 1:]), 2)
    return torch.fft.irfft2(both, s=shape).numpy()
