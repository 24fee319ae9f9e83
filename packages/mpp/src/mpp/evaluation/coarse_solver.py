"""The classical solver on a coarser grid, the strongest cheap rival of a trained network.

It knows the equations and their parameters, which a network does not (McGreivy and Hakim 2024,
arXiv 2407.07218, on weak baselines).
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from jaxtyping import Float

from mpp.data.batch import Batch
from mpp.data.trajectories import Trajectories
from mpp.metrics import Future
from mpp.simulate.boundary import Boundary
from mpp.simulate.registry import SYSTEMS

SHARES = ((1, 2), (3, 4))  # of the points along each axis
FEWEST = 8  # points along an axis of a coarser grid


def coarse_solvers(source: Trajectories) -> dict[str, Callable[[Batch], Future]]:
    """Solvers of a simulated system on coarser grids.

    Args:
        source: Trajectories of the system.

    Returns:
        Name with the grid, and what predicts the frames after a batch's history: the last frame,
        resampled to the coarser grid, solved and resampled back. Empty for data of another origin.
    """
    if source.made_by is None:
        return {}
    system, parameters = SYSTEMS[source.made_by[0]], source.made_by[1]
    known = source.description
    space = tuple(range(2, 2 + len(known.shape)))

    def solver(shape: tuple[int, ...]) -> Callable[[Batch], Future]:
        def predict(batch: Batch) -> Future:
            frames, steps = batch.frames[:, -1].numpy(), batch.target.shape[1]
            start = resampled(frames.astype(np.float64), shape, known.boundaries)
            ends = frames.min(space, keepdims=True), frames.max(space, keepdims=True)
            start = start.clip(*ends)  # a mode cut off leaves no negative density beside a jump
            solved = system.solve_from(start, steps + 1, known.dt, parameters)[:, 1:]
            return torch.from_numpy(resampled(solved, known.shape, known.boundaries)).float()

        return predict

    shapes = [tuple(points * a // b for points in known.shape) for a, b in SHARES]
    return {
        f"solver_{'x'.join(map(str, shape))}": solver(shape)
        for shape in shapes
        if min(shape) >= FEWEST
    }


def resampled(
    fields: Float[np.ndarray, "*batch"], shape: tuple[int, ...], boundaries: tuple[Boundary, ...]
) -> Float[np.ndarray, "*batch_out"]:
    """Resample the last axes to other numbers of points by their common Fourier or cosine modes.

    Args:
        fields: Values at the centers of cells.
        shape: New number of points of each of the last axes.
        boundaries: Boundary of each: Fourier modes if periodic, cosine modes otherwise.

    Returns:
        Values at the centers of the new cells; means are kept.
    """
    for axis, (points, boundary) in enumerate(zip(shape, boundaries, strict=True)):
        place = fields.ndim - len(shape) + axis
        matrix = _matrix(fields.shape[place], points, boundary == "periodic")
        fields = np.moveaxis(np.moveaxis(fields, place, -1) @ matrix.T, -1, place)
    return fields


@cache
def _matrix(old: int, new: int, periodic: bool) -> np.ndarray:
    modes = min(old, new)
    to, back = _modes(new, modes, periodic), _modes(old, modes, periodic)
    return to @ (back / (back**2).sum(0)).T  # modes are orthogonal at the centers of cells


def _modes(points: int, modes: int, periodic: bool) -> np.ndarray:
    """The first modes of one axis at the centers of its cells."""
    places = (np.arange(points)[:, None] + 0.5) / points
    if not periodic:
        return np.cos(np.pi * places * np.arange(modes))
    waves = np.arange(1, (modes - 1) // 2 + 1)  # without the wave of two points
    angles = 2 * np.pi * places * waves
    return np.concatenate((np.ones_like(places), np.cos(angles), np.sin(angles)), 1)
