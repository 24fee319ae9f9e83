r"""FitzHugh-Nagumo: an activator and an inhibitor that diffuse and react.

$$\dot u = D_u \Delta u + u - u^3 - k - v, \qquad
  \dot v = D_v \Delta v + r (u - d v)$$
PDEBench has r = d = 1 and no flux through walls (Takamoto et al. 2022, arXiv 2210.07182). At
d = 0.5 the fixed point is unstable: a limit cycle appears, and phase waves fill the domain.
Diffusion is exact on the grid's Fourier or cosine modes (integrating factor), the reaction by
fourth-order Runge-Kutta (Canuto et al. 2006, Spectral Methods). Dimensionless, as in PDEBench.
"""

from collections.abc import Callable
from functools import cache
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.random import Generator
from torch import Tensor

from mpp.simulate import validation
from mpp.simulate.initial_states import Sampling, smooth
from sciformer.arguments import check_not_negative, check_positive

STABLE = 2.7  # stability limit of Runge-Kutta 4 on the negative real axis


def oscillating_reaction(
    sampling: Sampling,
    activator_diffusivity: float = 1e-3,
    inhibitor_diffusivity: float = 5e-3,
    threshold: float = 5e-3,
    decay: float = 0.5,
    modes: int = 4,
) -> Float[np.ndarray, "trajectory time field height width"]:
    """Simulate the oscillatory regime (d < 1), periodic, from random smooth states.

    Args:
        sampling: Trajectories and grid; the limit cycle has a period of about 7.
        activator_diffusivity: Diffusivity D_u of the activator.
        inhibitor_diffusivity: Diffusivity D_v of the inhibitor.
        threshold: Threshold k of the activator.
        decay: Decay rate d of the inhibitor; oscillates below 1.
        modes: Largest wave number of the initial state, in waves per side.

    Returns:
        Activator u, inhibitor v.
    """

    def draw(rng: Generator) -> np.ndarray:
        return 0.7 * np.stack([smooth(rng, sampling.shape, modes) for _ in range(2)])

    diffusivities = activator_diffusivity, inhibitor_diffusivity
    state = sampling.drawn("diffusion_reaction", draw)
    return diffusion_reaction(
        state, sampling.frames, sampling.dt, diffusivities, threshold, decay=decay
    )


def noisy_reaction(
    sampling: Sampling,
    activator_diffusivity: float = 1e-3,
    inhibitor_diffusivity: float = 5e-3,
    threshold: float = 5e-3,
) -> Float[np.ndarray, "trajectory time field height width"]:
    """Simulate PDEBench's set: white noise in a box of side 2 with no-flux walls.

    Args:
        sampling: Trajectories and grid; dt is 0.05 in PDEBench, for 101 frames.
        activator_diffusivity: Diffusivity D_u of the activator.
        inhibitor_diffusivity: Diffusivity D_v of the inhibitor.
        threshold: Threshold k of the activator.

    Returns:
        Activator u, inhibitor v.
    """

    def draw(rng: Generator) -> np.ndarray:
        return rng.standard_normal((2, *sampling.shape))

    diffusivities = activator_diffusivity, inhibitor_diffusivity
    state = sampling.drawn("diffusion_reaction_noise", draw)
    return diffusion_reaction(
        state, sampling.frames, sampling.dt, diffusivities, threshold, boundary="wall"
    )


def diffusion_reaction(
    state: Float[np.ndarray, "trajectory field height width"],
    frames: int,
    dt: float,
    diffusivities: tuple[float, float] = (1e-3, 5e-3),
    threshold: float = 5e-3,
    rate: float = 1.0,
    decay: float = 1.0,
    boundary: Literal["periodic", "wall"] = "periodic",
    extent: float = 2.0,
    reach: float = 0.5,
) -> Float64[np.ndarray, "trajectory time field height width"]:
    """Solve the FitzHugh-Nagumo equations from given initial states.

    Args:
        state: Activator u and inhibitor v.
        frames: Frames to return, including the initial state.
        dt: Time between frames.
        diffusivities: Diffusivities D_u and D_v.
        threshold: Threshold k of the activator.
        rate: Reaction rate r of the inhibitor.
        decay: Decay rate d of the inhibitor.
        boundary: Boundary of both axes: periodic, or wall (no flux).
        extent: Length of each side of the square.
        reach: Time step times the fastest reaction rate of a trajectory; in (0, 2.7]. The number
            of steps per frame is rounded up to a power of two.

    Returns:
        Activator and inhibitor in every frame.

    Raises:
        ValueError: A parameter is out of range.
    """
    check_positive(dt=dt, rate=rate, extent=extent)
    validation.at_most(STABLE, reach=reach)
    check_not_negative(
        activator_diffusivity=diffusivities[0], inhibitor_diffusivity=diffusivities[1], decay=decay
    )

    @cache
    def spreading(steps: int) -> tuple[Tensor, ...]:
        half = dt / steps / 2
        return tuple(
            torch.stack([heat(points, extent, d * half, boundary) for d in diffusivities])
            for points in state.shape[-2:]
        )

    def reaction(q: Tensor) -> Tensor:
        u, v = q.unbind(1)
        return torch.stack((u - u * u * u - threshold - v, rate * (u - decay * v)), 1)

    q = torch.as_tensor(state, dtype=torch.float64)
    out = [q]
    for _ in range(frames - 1):
        q = q.clone()
        fastest = 3 * q[:, 0].square().amax((-2, -1)) + 1 + rate * max(1.0, decay)
        doublings = torch.log2(dt * fastest / reach).ceil().clamp_min(0)
        for number in doublings.unique().tolist():
            chosen, steps = doublings == number, 2 ** int(number)
            q[chosen] = _advance(q[chosen], dt, steps, reaction, *spreading(steps))
        out.append(q)
    return torch.stack(out, 1).numpy()


def _advance(
    q: Tensor,
    dt: float,
    steps: int,
    reaction: Callable[[Tensor], Tensor],
    rows: Tensor,
    columns: Tensor,
) -> Tensor:
    """Runge-Kutta 4 steps of the reaction, with exact diffusion over each half step."""

    def diffused(q: Tensor) -> Tensor:
        return rows @ q @ columns

    h = dt / steps
    for _ in range(steps):
        k1 = reaction(q)
        drifted, k1 = diffused(q), diffused(k1)
        k2 = reaction(drifted + h / 2 * k1)
        k3 = reaction(drifted + h / 2 * k2)
        k4 = reaction(diffused(drifted + h * k3))
        q = diffused(drifted + h / 6 * k1 + h / 3 * (k2 + k3)) + h / 6 * k4
    return q


def heat(
    points: int, extent: float, duration: float, boundary: Literal["periodic", "wall"]
) -> Float[Tensor, "points points"]:
    r"""Matrix of diffusion along one axis, exact for every mode of the grid.

    $$K = B^T \exp(-\kappa^2 \tau) B$$ with B the orthonormal cosine (wall) or Fourier basis.

    Args:
        points: Number of points, at cell centers.
        extent: Length of the axis.
        duration: Diffusivity times time.
        boundary: Periodic, or wall (no flux).

    Returns:
        The matrix K, applied from the left.
    """
    if boundary == "periodic":
        waves = 2 * np.pi * np.fft.fftfreq(points, extent / points)
        spread = np.exp(-duration * waves**2)[:, None] * np.fft.fft(np.eye(points), axis=0)
        return torch.as_tensor(np.fft.ifft(spread, axis=0).real.copy())
    number = np.arange(points)
    basis = np.cos(np.pi / points * np.outer(number, number + 0.5)) * (2 / points) ** 0.5
    basis[0] /= 2**0.5
    spread = np.exp(-duration * (np.pi * number / extent) ** 2)[:, None] * basis
    return torch.as_tensor(basis.T @ spread)
