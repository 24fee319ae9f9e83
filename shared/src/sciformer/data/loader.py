"""Seeded loaders whose whole state is (epoch, step).

What step ``s`` of epoch ``e`` loads is a pure function of (seed, e, s). The ranks slice each global
batch, so a run can stop at any step and go on with another number of ranks in the same order.
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
    """Refuse what no loader can work with.

    Args:
        batch_size: Samples per step, at least 1.
        workers: Processes that load, at least 0.
        seed: Of the order, at least 0.

    Raises:
        ArgumentError: Naming the first that is less.
    """
    check_least(batch_size=(batch_size, 1), workers=(workers, 0), seed=(seed, 0))


class SeededLoader(DataLoader[Any]):
    """A DataLoader over an :class:`Order` that knows how many batches it has handed over.

    Lightning saves and restores its state with every checkpoint. Each complete pass goes on to the
    next epoch. Under Lightning set ``use_distributed_sampler: false``: the ranks are shared out
    already.
    """

    @property
    def order(self) -> Order:
        """The batch sampler; Lightning's ``predict`` wraps it in one with the same attributes."""
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
        self.order.set_epoch(epoch)

    def state_dict(self) -> dict[str, int]:
        return self.order.state_dict()

    def load_state_dict(self, state: Mapping[str, int]) -> None:
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
    """Load a map-style dataset, shuffled to train or in order to evaluate (``GlobalBatches``).

    The batches are the same for any number of workers if a sample is a pure function of its number.

    Args:
        dataset: Samples by number, with a length.
        batch_size: Samples per step of all ranks together; a multiple of ``world``.
        seed: Seed of the order and of the workers' own generators.
        rank: This process.
        world: Number of processes.
        workers: Processes that load; 0 loads in this one.
        collate: List of samples -> batch; ``None`` stacks tensors, arrays and NamedTuples of them.
        shuffle: Train, or evaluate every sample exactly once.

    Returns:
        A loader that a trainer can stop and resume at any step.
    """
    size = len(dataset)  # pyright: ignore[reportArgumentType]  # torch gives Dataset no length
    order = GlobalBatches(size, batch_size, seed, rank, world, shuffle)
    return ordered_loader(dataset, order, workers, collate or stack)


class GeneratedBatches(Dataset[Batch]):
    """Batches that are made when they are needed: a rank's slice of what a pure function gives.

    Every rank makes the whole batch, so that the samples are the same for any number of ranks.

    Args:
        make: Number of a step -> the global batch, a NamedTuple of tensors with samples in front.
        steps: Steps of an epoch; each epoch has the same ones.
        rank: This process.
        world: Number of processes.
        even: Refuse a batch that gives some rank a sample more than others, as training must:
            the ranks' gradients count the same. An evaluation that weighs by sample need not.

    Raises:
        ValueError: If there is no step.
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
    """Load generated batches (:class:`GeneratedBatches`) in order, on any number of workers.

    Args:
        make: Number of a step -> the global batch; a picklable function where workers are spawned.
        steps: Steps of an epoch; each epoch has the same ones.
        rank: This process.
        world: Number of processes.
        workers: Processes that generate; 0 generates in this one.
        even: Refuse batches that do not split evenly over the ranks.

    Returns:
        A loader that a trainer can stop and resume at any step.
    """
    batches = GeneratedBatches(make, steps, rank, world, even)
    return ordered_loader(batches, StepNumbers(steps), workers, _only)


def ordered_loader(
    dataset: Dataset[Any], order: Order, workers: int, collate: Callable[[Any], Any]
) -> SeededLoader:
    """Load what an order says.

    Args:
        dataset: Takes the numbers that the order gives.
        order: What each step loads.
        workers: Processes that load; 0 loads in this one. They end with this one.
        collate: What the data set gives for a step -> batch.

    Returns:
        A loader that a trainer can stop and resume at any step.
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
