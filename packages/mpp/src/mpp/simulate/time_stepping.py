"""Time stepping: each trajectory takes the steps that its own state allows.

Steps that depend on the other trajectories of a batch would make a trajectory depend on them too.
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
    """States at times 0, dt, 2 dt, ...

    Args:
        state: Where each trajectory starts.
        frames: Number of states returned, the first among them.
        dt: Time between two frames.
        limit: Largest stable step of each trajectory.
        step: The state one step later, given a step for each trajectory.

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
            if not (steps <= MOST_STEPS).all():  # also where it is no number
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
    """Take a step of the second-order SSP Runge-Kutta method (Shu and Osher 1988)."""
    h = h.view(-1, *[1] * (state.ndim - 1))
    first = state + h * rate(state)
    return 0.5 * (state + first + h * rate(first))
