"""Batch samplers whose order is a pure function of (seed, epoch, step), sliced over ranks."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from jaxtyping import Int64
from torch.utils.data import Sampler

from sciformer.arguments import ArgumentError


def epoch_order(size: int, seed: int, epoch: int) -> Int64[np.ndarray, " size"]:
    """A permutation of ``range(size)`` that is a pure function of its arguments.

    Only the raw bits of PCG64 enter, which NumPy keeps stable between versions (NEP 19), unlike
    ``Generator.permutation``: an old checkpoint resumes in its old order.
    """
    bits = np.random.PCG64(np.random.SeedSequence([seed, epoch])).random_raw(size)
    return np.argsort(bits, kind="stable")


class Order(Sampler[list[int]], ABC):
    """Order of the batches of an epoch. Its state, (epoch, step), is valid for any number of ranks.

    A pass starts at step 0, or after ``load_state_dict`` at the step of the state. ``step`` counts
    the batches returned in this epoch by ``SeededLoader``; workers read ahead of it.

    Args:
        steps: Batches per epoch.
        identity: Parameters that the order depends on; a state with other parameters is rejected.
    """

    seed = 0
    rank = 0
    unit = "samples"  # what the numbers of a batch are

    def __init__(self, steps: int, identity: Mapping[str, int]) -> None:
        self.sampler = self  # Lightning calls batch_sampler.sampler.set_epoch
        self.steps = steps
        self.identity = dict(identity)
        self.epoch = 0
        self.step = 0
        self.start = 0

    @abstractmethod
    def batches(self, epoch: int) -> Callable[[int], list[int]]:
        """Function from the step of an epoch to the numbers of its samples (or generated batch)."""

    def handed_over(self) -> list[int]:
        """Sample numbers of the last batch that was returned."""
        return self.batches(self.epoch)(self.step - 1)

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch; no change if it is the present one."""
        if epoch != self.epoch:
            self.epoch, self.step, self.start = epoch, 0, 0

    def state_dict(self) -> dict[str, int]:
        """Epoch, step and what identifies the order."""
        return {"epoch": self.epoch, "step": self.step, **self.identity}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Start the next pass at the position of a saved state.

        Args:
            state: Result of ``state_dict``, with any number of ranks.

        Raises:
            ValueError: If the state belongs to another order, or is beyond the end of the epoch.
        """
        for key, value in self.identity.items():
            if state.get(key) != value:
                raise ValueError(f"loader state: {key}: {state.get(key)}, but the data has {value}")
        epoch, step = state.get("epoch", -1), state.get("step", -1)
        if epoch < 0 or not 0 <= step <= self.steps:
            raise ValueError(f"loader state: no step {step} of {self.steps} in epoch {epoch}")
        self.epoch, self.step, self.start = epoch, step, step

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[int]]:
        batch = self.batches(self.epoch)
        self.step, self.start = self.start, 0
        for step in range(self.step, self.steps):
            yield batch(step)


class GlobalBatches(Order):
    """Sample numbers of one rank: its slice of every global batch of an epoch's order.

    Shuffled batches are for training: an incomplete last batch is dropped (other samples each
    epoch), so every step has the same size. Batches in order are for evaluation: every sample
    appears exactly once. The last batch may be smaller and uneven over the ranks; if it has fewer
    samples than ranks it is merged with the one before, so that all ranks take the same number of
    steps, as collectives (FSDP's gathers) require. Metrics must weight by sample, not by batch.

    Args:
        size: Number of samples.
        batch_size: Samples per step, over all ranks; a multiple of ``world``.
        seed: Seed of the order.
        rank: Rank of this process.
        world: Number of processes.
        shuffle: Train (shuffled, complete batches) or evaluate (in order, every sample).

    Raises:
        ValueError: If the batch size is not a multiple of ``world``, or there are too few samples.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        shuffle: bool = True,
    ) -> None:
        if batch_size < 1 or batch_size % world:
            raise ArgumentError("batch_size", f"{batch_size} does not split over {world} rank(s)")
        if size < (batch_size if shuffle else world):
            reason = f"{size} samples are too few for batches of {batch_size} on {world} rank(s)"
            raise ArgumentError("batch_size", reason)
        steps, rest = divmod(size, batch_size)
        if shuffle and rest and rank == 0:
            warnings.warn(
                f"{size} samples make {steps} batches of {batch_size}; "
                f"the {rest} left over are dropped, other ones in each epoch",
                stacklevel=2,
            )
        if not shuffle:
            steps += rest >= world
        super().__init__(steps, {"samples": size, "batch_size": batch_size, "seed": seed})
        self.size, self.batch_size, self.seed = size, batch_size, seed
        self.rank, self.world, self.shuffle = rank, world, shuffle

    def batches(self, epoch: int) -> Callable[[int], list[int]]:
        order = epoch_order(self.size, self.seed, epoch) if self.shuffle else np.arange(self.size)

        def batch(step: int) -> list[int]:
            last = not self.shuffle and step == self.steps - 1
            stop = self.size if last else (step + 1) * self.batch_size
            return order[step * self.batch_size : stop][self.rank :: self.world].tolist()

        return batch


class StepNumbers(Order):
    """Step indices, for batches generated on demand.

    Args:
        steps: Steps per epoch; the same in each epoch.
    """

    unit = "generated batch"

    def __init__(self, steps: int) -> None:
        super().__init__(steps, {"steps": steps})

    def batches(self, epoch: int) -> Callable[[int], list[int]]:
        return lambda step: [step]
