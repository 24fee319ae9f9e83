"""Random initial states; trajectory ``i`` of a seed does not depend on how many are drawn.

The numbers drawn do not depend on the grid either, so one trajectory can be simulated at several
resolutions. White noise is the exception: it has one number per point.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from numpy.random import Generator


class Sampling(NamedTuple):
    """Which trajectories to simulate, and on which grid.

    Args:
        seed: Seed of the data set; at least 0.
        trajectories: Indices of the trajectories.
        frames: Frames of each, including the initial state.
        shape: Points (cells of a finite-volume method) along each axis, x first.
        dt: Time between frames.
    """

    seed: int
    trajectories: range
    frames: int
    shape: tuple[int, ...]
    dt: float

    def drawn(
        self, system: str, draw: Callable[[Generator], np.ndarray]
    ) -> Float64[np.ndarray, "trajectory ..."]:
        """Draw the initial state of each trajectory from a separate generator.

        Args:
            system: Name, which enters the seed: systems do not share random fields.
            draw: Draws one state (field, *grid) from a generator.

        Returns:
            Initial states.
        """
        key = int.from_bytes(system.encode(), "big")
        seeds = ([self.seed, number, key] for number in self.trajectories)
        return np.stack([draw(np.random.default_rng(seed)) for seed in seeds])


def smooth(
    rng: Generator, shape: tuple[int, ...], modes: int, slope: float = 0.0
) -> Float64[np.ndarray, "height width"]:
    r"""Random smooth periodic field of zero mean and unit variance on the unit square.

    $$f(x) = \sum_{0 < |k| \le K} |k|^{-s} (a_k \cos 2\pi k x + b_k \sin 2\pi k x)$$
    with standard normal a, b, divided by its standard deviation over the square.

    Args:
        rng: Source of randomness.
        shape: Points along each axis; values are at the centers of the cells.
        modes: Largest wave number K, in waves per side.
        slope: Exponent s of the amplitude spectrum.

    Returns:
        The field at cell centers.
    """
    waves = np.arange(-modes, modes + 1)
    norms = np.hypot(waves[:, None], waves)
    drawn_pairs = rng.standard_normal((2, *norms.shape))
    weights = np.where((norms > 0) & (norms <= modes), np.maximum(norms, 1.0) ** -slope, 0.0)
    pairs = (drawn_pairs[0] + 1j * drawn_pairs[1]) * weights
    pairs = 0.5 * (pairs + pairs[::-1, ::-1].conj())  # a real field
    x, y = (np.exp(2j * np.pi * centers(points)[:, None] * waves) for points in shape)
    return np.real(x @ pairs @ y.T) / np.sqrt(np.sum(np.abs(pairs) ** 2))


def centers(points: int) -> Float[np.ndarray, " points"]:
    """Centers of the cells of the unit interval."""
    return (np.arange(points) + 0.5) / points
