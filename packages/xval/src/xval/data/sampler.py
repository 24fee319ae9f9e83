"""Sampler of batches of similar length, a function of (seed, epoch, step)."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int64

from sciformer.data.sampler import GlobalBatches, epoch_order

POOL = 64  # batches whose texts are sorted by length together; less than 2 % of padding is left


class LengthBatches(GlobalBatches):
    """Batches of texts of similar length, with little padding.

    The order of an epoch is split into pools, each pool is sorted by length and split into batches,
    and all batches are shuffled. Batches differ between epochs. A sample number in a batch is
    ``epoch * size + sample``, so that random draws for a sample differ between epochs.

    Args:
        lengths: Length of each sample.
        batch_size: Samples per step of all ranks together; a multiple of ``world``.
        seed: Seed of the order.
        rank: Rank of this process.
        world: Number of processes.

    Raises:
        ValueError: If the batch size is not a multiple of ``world``, or there are too few samples.
    """

    def __init__(
        self,
        lengths: Int64[np.ndarray, " samples"],
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        super().__init__(len(lengths), batch_size, seed, rank, world)
        self.lengths = lengths

    def batches(self, epoch: int) -> Callable[[int], list[int]]:
        order = epoch_order(self.size, self.seed, epoch)[: self.steps * self.batch_size]
        pool = POOL * self.batch_size
        for start in range(0, len(order), pool):
            part = order[start : start + pool]
            order[start : start + pool] = part[np.argsort(self.lengths[part], kind="stable")]
        own = int(np.random.SeedSequence([self.seed, 1]).generate_state(1)[0])
        turns = epoch_order(self.steps, own, epoch)

        def batch(step: int) -> list[int]:
            start = int(turns[step]) * self.batch_size
            samples = order[start : start + self.batch_size][self.rank :: self.world]
            return (epoch * self.size + samples).tolist()

        return batch

    def handed_over(self) -> list[int]:
        return [number % self.size for number in super().handed_over()]
