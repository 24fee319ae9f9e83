"""Fewer frames or points: a stride in time, means over blocks of points."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from mpp.data.trajectories import Frames, Trajectories, Wrapped
from sciformer.arguments import ArgumentError, check_least
from sciformer.data.entry import Kinds

THINNED: Kinds = {"stride": int, "coarsen": int}  # keys of a table in data.files


def thinned(whole: Trajectories, said: Mapping[str, Any]) -> Trajectories:
    """Apply ``stride`` and ``coarsen`` of the user's table.

    Args:
        whole: Trajectories.
        said: Table of the user.

    Returns:
        The trajectories themselves if neither is above 1.

    Raises:
        ArgumentError: If a number is below 1, or does not divide the number of points.
    """
    stride, coarsen = (1 if said.get(key) is None else said[key] for key in THINNED)
    check_least(stride=(stride, 1), coarsen=(coarsen, 1))
    return whole if stride == coarsen == 1 else Thinned(whole, stride, coarsen)


class Thinned(Wrapped):
    """Every ``stride``-th frame, with the mean over blocks of ``coarsen`` points along each axis.

    Args:
        whole: Trajectories.
        stride: Frames from one to the next.
        coarsen: Points of a block along each axis.

    Raises:
        ArgumentError: If the number of points is no multiple of ``coarsen``.
    """

    def __init__(self, whole: Trajectories, stride: int = 1, coarsen: int = 1) -> None:
        known = whole.description
        if any(points % coarsen for points in known.shape):
            reason = f"{whole.where}: {coarsen} does not divide {known.shape} points"
            raise ArgumentError("coarsen", reason)
        description = known._replace(
            shape=tuple(points // coarsen for points in known.shape),
            spacing=tuple(step * coarsen for step in known.spacing),
            dt=known.dt * stride,
        )
        identity = f"{whole.identity} stride {stride} coarsen {coarsen}"
        lengths = [-(-frames // stride) for frames in whole.lengths]
        super().__init__(whole, identity, description, whole.ids, lengths)
        self.stride, self.coarsen = stride, coarsen

    def outside(self, trajectory: int) -> Bool[np.ndarray, "*space"]:
        """Blocks without a point inside."""
        return self._means(self.whole.outside(trajectory)) == 1

    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        inside = 1.0
        if self.masked and self.coarsen > 1:  # means over the points inside
            inside = np.maximum(1 - self._means(self.whole.outside(trajectory)), 1e-9)
        for number, frame in enumerate(out):
            at = (start + number) * self.stride
            frame[...] = self._means(self.whole.read(trajectory, at, at + 1)[0]) / inside

    def _means(self, values: np.ndarray) -> Float64[np.ndarray, "*points"]:
        """Means over blocks of the last axes."""
        shape = self.description.shape
        blocks = [size for points in shape for size in (points, self.coarsen)]
        lead = values.ndim - len(shape)
        split = values.reshape(*values.shape[:lead], *blocks)
        return split.mean(tuple(range(lead + 1, split.ndim, 2)), dtype=np.float64)
