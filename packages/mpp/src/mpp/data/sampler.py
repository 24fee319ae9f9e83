"""Sampler over systems and windows; each batch is a function of (seed, epoch, step)."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int64

from sciformer.arguments import ArgumentError
from sciformer.data.sampler import Order, epoch_order

Chosen = Int64[np.ndarray, " steps"]


class MixtureOrder(Order):
    """Order of batches; each global batch holds one system and is split over the ranks.

    ``round_robin`` cycles through the systems in order and continues across epochs. Otherwise the
    system of each step is random. The windows of each system are shuffled; all of them are used
    once before any is used again, even across epochs.

    A sample number in a batch is ``draw * total + window``: ``draw`` counts the samples of the
    whole training, so augmentation and noise differ on every pass, and ``window`` indexes the
    concatenated windows of all systems.

    Args:
        sizes: Number of windows of each system.
        batch_size: Samples per step of all ranks together; a multiple of ``world``.
        steps: Steps per epoch.
        seed: Seed of the order.
        weights: Relative frequency of each system; None is round robin.
        rank: Rank of this process.
        world: Number of processes.

    Raises:
        ValueError: If the batch size is not a multiple of ``world``, a system is empty, or the
            weights are invalid.
    """

    unit = "windows"

    def __init__(
        self,
        sizes: Sequence[int],
        batch_size: int,
        steps: int,
        seed: int,
        weights: Sequence[float | int] | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if batch_size < 1 or batch_size % world:
            raise ArgumentError("batch_size", f"{batch_size} does not split over {world} rank(s)")
        if steps < 1:
            raise ArgumentError("steps", f"{steps} make no epoch")
        if not sizes or min(sizes) < 1:
            raise ValueError(f"a system without windows: {list(sizes)}")
        if weights is not None and (len(weights) != len(sizes) or not _shares(weights)):
            reason = f"{list(weights)} are no weights of {len(sizes)} systems"
            raise ArgumentError("mixture", reason)
        mixed = zlib.crc32(repr((list(sizes), weights and list(weights))).encode())
        identity = {"batch_size": batch_size, "seed": seed, "mixture": mixed}
        super().__init__(steps, {"windows": sum(sizes), **identity})
        self.sizes, self.batch_size, self.seed = tuple(sizes), batch_size, seed
        self.weights = None if weights is None else tuple(weights)
        self.rank, self.world = rank, world
        self.starts = np.cumsum([0, *sizes]).tolist()
        self.total = sum(sizes)
        self._before = [np.zeros(len(sizes), np.int64)]  # batches of each system before each epoch

    def systems(self, epoch: int) -> Chosen:
        """System index of each step of an epoch."""
        if self.weights is None:
            return (epoch * self.steps + np.arange(self.steps)) % len(self.sizes)
        shares: Float64[np.ndarray, " systems"] = np.cumsum(self.weights) / np.sum(self.weights)
        # Raw bits, which NumPy keeps stable between versions.
        bits = np.random.PCG64(np.random.SeedSequence([self.seed, epoch, 1]))
        uniform = (bits.random_raw(self.steps) >> np.uint64(11)) / 2.0**53
        return np.searchsorted(shares[:-1], uniform, "right")

    def batches(self, epoch: int) -> Callable[[int], list[int]]:
        systems = self.systems(epoch)
        before = self._batches_before(epoch)
        turns = np.empty(self.steps, np.int64)  # of its system, which batch a step's is
        for system in range(len(self.sizes)):
            mine = np.flatnonzero(systems == system)
            turns[mine] = before[system] + np.arange(len(mine))

        def batch(step: int) -> list[int]:
            system = int(systems[step])
            draws = (epoch * self.steps + step) * self.batch_size
            first = int(turns[step]) * self.batch_size
            return [
                (draws + row) * self.total + self.starts[system] + self._window(system, first + row)
                for row in range(self.rank, self.batch_size, self.world)
            ]

        return batch

    def handed_over(self) -> list[int]:
        return [number % self.total for number in super().handed_over()]

    def _batches_before(self, epoch: int) -> Int64[np.ndarray, " systems"]:
        count = len(self.sizes)
        while len(self._before) <= epoch:
            chosen = np.bincount(self.systems(len(self._before) - 1), minlength=count)
            self._before.append(self._before[-1] + chosen)
        return self._before[epoch]

    def _window(self, system: int, position: int) -> int:
        size = self.sizes[system]
        turn, at = divmod(position, size)
        return int(_shuffled(size, self.seed, system, turn)[at])


@lru_cache(maxsize=64)
def _shuffled(size: int, seed: int, system: int, turn: int) -> Int64[np.ndarray, " size"]:
    own = int(np.random.SeedSequence([seed, system]).generate_state(1)[0])
    return epoch_order(size, own, turn)


def weights_of(
    mixture: str | Mapping[str, float | int], names: Sequence[str]
) -> list[float] | None:
    """Relative frequency of each system.

    Args:
        mixture: ``round_robin``, ``uniform``, or a weight for each system by name.
        names: Names of the systems.

    Returns:
        Weights in the order of the names; None for round robin.

    Raises:
        ValueError: If the mixture is not one of these, or names other systems.
    """
    if mixture == "round_robin":
        return None
    if mixture == "uniform":
        return [1.0] * len(names)
    if not isinstance(mixture, Mapping) or sorted(mixture) != sorted(names):
        known = ", ".join(names)
        reason = f"{mixture!r} is neither round_robin, uniform nor a weight of each of {known}"
        raise ArgumentError("mixture", reason)
    weights = [float(mixture[name]) for name in names]
    if not _shares(weights):
        raise ArgumentError("mixture", f"{dict(mixture)} are no weights")
    return weights


def _shares(weights: Sequence[float | int]) -> bool:
    return min(weights) >= 0 and np.isfinite(sum(weights)) and sum(weights) > 0
