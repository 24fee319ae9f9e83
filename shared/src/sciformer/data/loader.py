"""Seeded, resumable data loaders; their state is (epoch, step).

The batch of step ``s`` of epoch ``e`` is a pure function of (seed, e, s). Ranks slice each global
batch, so a run can stop at any step and resume with another number of ranks in the same order.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from sciformer.arguments import ArgumentError, check_least
from sciformer.data.collate import stack
from sciformer.data.sampler import GlobalBatches, Order, StepNumbers
from sciformer.data.workers import end_with_parent

Batch = TypeVar("Batch", bound=tuple[Any, ...])  # a NamedTuple of tensors


def check_loading(batch_size: int, workers: int, seed: int) -> None:
    """Check settings of a loader.

    Args:
        batch_size: Samples per step; at least 1.
        workers: Loader processes; at least 0.
        seed: Seed of the order; at least 0.

    Raises:
        ArgumentError: Naming the first value that is too small.
    """
    check_least(batch_size=(batch_size, 1), workers=(workers, 0), seed=(seed, 0))


class SeededLoader(DataLoader[Any]):
    """A DataLoader over an :class:`Order` that counts the batches it has returned.

    Lightning saves and restores its state in every checkpoint. After each complete pass the next
    epoch starts. Under Lightning set ``use_distributed_sampler: false``: batches are already
    distributed over ranks.
    """

    @property
    def order(self) -> Order:
        """Batch sampler; Lightning's ``predict`` wraps it in one with the same attributes."""
        order = getattr(self.batch_sampler, "sampler", None)
        assert isinstance(order, Order)
        return order

    def __iter__(self) -> Iterator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        # A generator, so that the order is read at the first batch and not before: resuming at the
        # end of an epoch, Lightning 2.6 asks for the iterator first and sets the epoch afterwards.
        order = self.order
        assert self.generator is not None  # torch would draw the workers' seed from the global one
        self.generator.manual_seed(_bits(order.seed, order.rank, order.epoch))
        for batch in super().__iter__():
            order.step += 1
            yield batch
        order.set_epoch(order.epoch + 1)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, and with it the order, of the next pass."""
        self.order.set_epoch(epoch)

    def state_dict(self) -> dict[str, int]:
        """Epoch, step and what identifies the order, with which another run goes on."""
        return self.order.state_dict()

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Start the next pass at the position of a saved state."""
        self.order.load_state_dict(state)


def seeded_loader(
    dataset: Dataset[Any],
    batch_size: int,
    seed: int,
    *,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    collate: Callable[[Any], Any] | None = None,
    shuffle: bool = True,
) -> SeededLoader:
    """Loader of a map-style dataset, shuffled for training or in order for evaluation.

    The batches are the same for any number of workers if a sample is a pure function of its number.

    Args:
        dataset: Dataset with a length, indexed by sample.
        batch_size: Samples per step, over all ranks; a multiple of ``world``.
        seed: Seed of the order and of the workers' generators.
        rank: Rank of this process.
        world: Number of processes.
        workers: Loader processes; 0 loads in the main process.
        collate: List of samples -> batch; ``None`` stacks tensors, arrays and NamedTuples of them.
        shuffle: True for training; False to evaluate every sample exactly once.

    Returns:
        A resumable loader.
    """
    size = len(dataset)  # pyright: ignore[reportArgumentType]  # torch gives Dataset no length
    order = GlobalBatches(size, batch_size, seed, rank, world, shuffle)
    return ordered_loader(dataset, order, workers, collate or stack)


class GeneratedBatches(Dataset[Batch]):
    """Batches generated on demand by a pure function; each rank takes its slice.

    Every rank generates the whole batch, so samples do not depend on the number of ranks.

    Args:
        make: Step index -> global batch, a NamedTuple of tensors with samples along the first axis.
        steps: Steps per epoch; the same in each epoch.
        rank: Rank of this process.
        world: Number of processes.
        even: Raise an error if ranks get different numbers of samples, as training must weight all
            ranks equally. Not needed for evaluation, which weights by sample.

    Raises:
        ValueError: If ``steps`` is less than 1.
    """

    def __init__(
        self,
        make: Callable[[int], Batch],
        steps: int,
        rank: int = 0,
        world: int = 1,
        even: bool = True,
    ) -> None:
        if steps < 1:
            raise ArgumentError("steps", f"{steps} make no epoch")
        self.make, self.steps, self.even = make, steps, even
        self.rank, self.world = rank, world

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        whole = self.make(step)
        for size in map(len, whole):
            if size < self.world or (self.even and size % self.world):
                raise ArgumentError(
                    "batch_size", f"{size} does not split over {self.world} rank(s)"
                )
        return type(whole)(*(field[self.rank :: self.world] for field in whole))


def generated_loader(
    make: Callable[[int], Batch],
    steps: int,
    *,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    even: bool = True,
) -> SeededLoader:
    """Loader of generated batches (:class:`GeneratedBatches`) in order, with any number of workers.

    Args:
        make: Step index -> global batch; must be picklable if workers are spawned.
        steps: Steps per epoch; the same in each epoch.
        rank: Rank of this process.
        world: Number of processes.
        workers: Processes that generate; 0 generates in the main process.
        even: Raise an error for batches that do not split evenly over the ranks.

    Returns:
        A resumable loader.
    """
    batches = GeneratedBatches(make, steps, rank, world, even)
    return ordered_loader(batches, StepNumbers(steps), workers, _only)


def ordered_loader(
    dataset: Dataset[Any], order: Order, workers: int, collate: Callable[[Any], Any]
) -> SeededLoader:
    """Loader for a given order.

    Args:
        dataset: Dataset indexed by the numbers of the order.
        order: Order of the samples.
        workers: Loader processes; 0 loads in the main process. They end with the main process.
        collate: Converts what the data set returns for a step to a batch.

    Returns:
        A resumable loader.
    """
    return SeededLoader(
        dataset,
        batch_sampler=order,
        num_workers=workers,
        collate_fn=collate,
        generator=torch.Generator(),
        persistent_workers=workers > 0,
        worker_init_fn=end_with_parent,
    )


def _only(batches: list[Any]) -> Any:
    (batch,) = batches
    return batch


def _bits(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1)[0])
