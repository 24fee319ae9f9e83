"""Time integration with an adaptive step for each trajectory of a batch.

A common step would make a trajectory depend on the others of its batch.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

MOST_STEPS = 100_000  # per frame; beyond it the state has blown up


def march(
    state: Inexact[Tensor, "trajectory ..."],
    frames: int,
    dt: float,
    limit: Callable[[Tensor], Float[Tensor, " trajectory"]],
    step: Callable[[Tensor, Float[Tensor, " trajectory"]], Tensor],
) -> Inexact[Tensor, "trajectory time ..."]:
    """Integrate with adaptive steps; return the states at times 0, dt, 2 dt, ...

    Args:
        state: Initial states.
        frames: Number of states to return, including the initial one.
        dt: Time between two frames.
        limit: Function from states to the largest stable step of each trajectory.
        step: Function from states and steps (one for each trajectory) to the next states.

    Returns:
        All frames.

    Raises:
        ValueError: A trajectory is no longer finite.
    """
    out = state.new_empty((state.shape[0], frames, *state.shape[1:]))
    out[:, 0] = state
    for frame in range(1, frames):
        state = state.clone()
        remaining = torch.full((state.shape[0],), dt, dtype=torch.float64)
        while (active := remaining.nonzero()[:, 0]).numel():
            part = state if len(active) == len(state) else state[active]
            steps = torch.ceil(remaining[active] / limit(part) - 1e-9).clamp_min(1)
            if not (steps <= MOST_STEPS).all():  # also true for NaN
                raise ValueError(f"the state blows up at time {dt * frame:g}; lower cfl or dt")
            h = remaining[active] / steps
            state[active] = step(part, h.to(state.real.dtype))
            remaining[active] -= h
        out[:, frame] = state
    return out


def heun(
    state: Float[Tensor, "trajectory ..."],
    h: Float[Tensor, " trajectory"],
    rate: Callable[[Tensor], Tensor],
) -> Float[Tensor, "trajectory ..."]:
    """One step of Heun's method: second-order SSP Runge-Kutta (Shu and Osher 1988)."""
    h = h.view(-1, *[1] * (state.ndim - 1))
    first = state + h * rate(state)
    return 0.5 * (state + first + h * rate(first))
