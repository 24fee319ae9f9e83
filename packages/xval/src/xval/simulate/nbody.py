r"""Gravitational N-body problem in a plane, many systems at once.

$$\ddot r_i = \sum_{j \ne i} m_j \frac{r_j - r_i}{|r_j - r_i|^3}$$
with G = 1, by the eighth-order Runge-Kutta method of Dormand and Prince (Hairer et al. 1993): with
a constant step where that conserves energy, with SciPy's adaptive steps in close encounters.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64
from scipy.integrate import DOP853, solve_ivp

LONGEST = 0.25  # largest step: 1/25 of the innermost orbital period
TOLERANCE = 1e-10  # relative error of the energy
HALVINGS = 3  # of the step, before adaptive steps; one system in a hundred needs more
NEAREST = 1e-3  # closer bodies collide: a bound pair could orbit forever
TOGETHER = 256  # systems integrated at a time: they fit into the cache of one core

Masses = Float64[np.ndarray, "systems bodies"]
Vectors = Float64[np.ndarray, "systems bodies xy"]
Scalars = Float64[np.ndarray, " systems"]
States = Float64[np.ndarray, "2 xy bodies systems"]  # positions and velocities


class Motion(NamedTuple):
    """Trajectories of systems.

    Args:
        positions: Positions at every frame; NaN after a system's last frame.
        end: Positions and velocities at its last frame.
        error: Relative change of the energy; above ``TOLERANCE`` or NaN where bodies collide.
    """

    positions: Float64[np.ndarray, "systems frames bodies xy"]
    end: States
    error: Scalars


def motion(
    masses: Masses,
    positions: Vectors,
    velocities: Vectors,
    dt: Scalars,
    frames: Int64[np.ndarray, " systems"],
) -> Motion:
    """Integrate systems with the same number of bodies.

    Args:
        masses: Masses of the bodies.
        positions: Initial positions, the first frame.
        velocities: Initial velocities.
        dt: Time between frames.
        frames: Number of frames of each system.

    Returns:
        Trajectories.
    """
    found = np.full((len(masses), frames.max(), *masses.shape[1:], 2), np.nan)
    error = np.full(len(masses), np.inf)
    start = np.stack([positions, velocities]).transpose(0, 3, 2, 1)
    end = start.copy()
    steps = np.ceil(dt / LONGEST).astype(np.int64)
    for _ in range(HALVINGS):
        wrong = error > TOLERANCE
        for each in np.unique(steps[wrong]).tolist():
            rows = np.flatnonzero(wrong & (steps == each))
            rows = rows[np.argsort(-frames[rows], kind="stable")]
            for at in range(0, len(rows), TOGETHER):
                part = rows[at : at + TOGETHER]
                m, state = masses[part].T.copy(), start[..., part]
                where, last = _march(m, state, dt[part] / each, frames[part], each)
                found[part, : where.shape[1]], end[..., part] = where, last
                error[part] = np.abs(energy(m, last) / energy(m, state) - 1)
        steps *= 2
    for row in np.flatnonzero(error > TOLERANCE).tolist():
        m, state = masses[row, :, None], start[..., [row]]
        where, last = _adapted(m, state, dt[row] * np.arange(frames[row]))
        found[row, : frames[row]], end[..., [row]] = where[0], last
        error[row] = abs(energy(m, last).item() / energy(m, state).item() - 1)
    return Motion(found, end, error)


def energy(masses: Float64[np.ndarray, "bodies systems"], state: States) -> Scalars:
    """Total energy, kinetic plus potential, of each system."""
    first, second = np.triu_indices(len(masses), 1)
    potential = (masses[first] * masses[second] / _distances(state)).sum(0)
    return 0.5 * (masses * (state[1] ** 2).sum(0)).sum(0) - potential


def _distances(state: np.ndarray) -> np.ndarray:
    """Distances of all pairs, (pairs, systems)."""
    first, second = np.triu_indices(state.shape[2], 1)
    return np.hypot(*(state[0][:, first] - state[0][:, second]))


def _march(
    masses: np.ndarray, state: np.ndarray, step: np.ndarray, frames: np.ndarray, each: int
) -> tuple[np.ndarray, np.ndarray]:
    """Positions at every frame and the final state, with a constant step; longest systems first."""
    _, _, bodies, systems = state.shape
    found = np.full((systems, frames[0], bodies, 2), np.nan)
    found[:, 0] = state[0].T
    end = state.copy()
    for frame in range(1, frames[0]):
        going = int((frames > frame).sum())
        if going < state.shape[-1]:
            masses, state = masses[:, :going].copy(), state[..., :going].copy()
        for _ in range(each):
            state = _step(masses, state, step[:going])
        found[:going, frame] = state[0].T
        end[..., :going] = state
    return found, end


def _step(masses: np.ndarray, state: np.ndarray, step: np.ndarray) -> np.ndarray:
    stages = np.empty((len(DOP853.B), *state.shape))
    flat = stages.reshape(len(stages), -1)
    stages[0] = _rate(masses, state)
    for number in range(1, len(stages)):
        change = (DOP853.A[number, :number] @ flat[:number]).reshape(state.shape)
        stages[number] = _rate(masses, state + step * change)
    return state + step * (DOP853.B @ flat).reshape(state.shape)


def _rate(masses: np.ndarray, state: np.ndarray) -> np.ndarray:
    positions, velocities = state
    apart = positions[:, None] - positions[:, :, None]  # (xy, of, by, systems)
    squared = apart[0] ** 2 + apart[1] ** 2
    squared += np.eye(len(masses))[..., None]  # avoids 0 / 0 of a body with itself
    pull = masses / (squared * np.sqrt(squared))
    return np.stack([velocities, (apart * pull).sum(2)])


def _adapted(
    masses: np.ndarray, state: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Integrate one system with adaptive steps; NaN if bodies collide."""

    def rate(_: float, flat: np.ndarray) -> np.ndarray:
        return _rate(masses, flat.reshape(state.shape)).ravel()

    def room(_: float, flat: np.ndarray) -> float:
        return _distances(flat.reshape(state.shape)).min() - NEAREST

    room.terminal = True  # pyright: ignore[reportFunctionMemberAccess]  # as SciPy wants it
    span = times[[0, -1]]
    found = solve_ivp(
        rate, span, state.ravel(), "DOP853", times, events=room, rtol=1e-12, atol=1e-14
    )
    if found.status:  # stopped early: a collision
        return np.full((1, len(times), state.shape[2], 2), np.nan), np.full_like(state, np.nan)
    states = found.y.reshape(*state.shape[:3], len(times))
    return states[0].T[None], states[..., [-1]]
