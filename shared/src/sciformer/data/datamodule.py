"""Base of the projects' LightningDataModules: rank, loaders, ids of samples."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lightning.pytorch import LightningDataModule
from lightning.pytorch.trainer.states import TrainerFn
from torch.utils.data import Dataset

from sciformer.data.collate import unchanged
from sciformer.data.loader import SeededLoader, check_loading, ordered_loader
from sciformer.data.sampler import GlobalBatches, Order


class DataModule(LightningDataModule):
    """A LightningDataModule with seeded, distributed loaders that load each sample once.

    Checkpoints store the arguments of the subclass's constructor.

    Args:
        batch_size: Samples per step, over all ranks; at least 1.
        workers: Loader processes per rank; at least 0.
        seed: Seed of the order; at least 0.

    Raises:
        ArgumentError: Naming the first value that is too small.
    """

    shares: Mapping[str, float]  # of the splits, where there are any

    def __init__(self, batch_size: int, workers: int, seed: int) -> None:
        super().__init__()
        frame = inspect.currentframe()
        self.save_hyperparameters(logger=False, frame=frame and frame.f_back)
        check_loading(batch_size, workers, seed)
        self.batch_size, self.workers, self.seed = batch_size, workers, seed

    @property
    def batches(self) -> int:
        """Batches per epoch."""
        raise NotImplementedError

    def check(self) -> None:
        """Check the data before training writes anything.

        Raises:
            ValueError: If training cannot start.
        """

    def without(self, split: str) -> bool:
        """Whether a fit goes without a split, as its share is 0."""
        fitting = self.trainer is not None and self.trainer.state.fn == TrainerFn.FITTING
        return fitting and self.shares[split] == 0

    @property
    def predicted(self) -> Mapping[str, Sequence[str]]:
        """Ids of the samples that ``predict_dataloader`` loads, by set, in order."""
        raise NotImplementedError

    def predict_dataloader(self) -> Any:
        return self.test_dataloader()

    def rank(self) -> tuple[int, int]:
        """Rank and number of processes; (0, 1) without a trainer."""
        trainer = self.trainer
        return (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)

    def by_order(self, dataset: Dataset[Any], order: Order) -> SeededLoader:
        """Training loader for an order, of a data set that returns whole batches."""
        return ordered_loader(dataset, order, self.workers, unchanged)

    def in_order(
        self,
        dataset: Dataset[Any],
        batch_size: int,
        workers: int = 0,
        collate: Callable[[Any], Any] = unchanged,
    ) -> SeededLoader:
        """Evaluation loader: every sample once, in order.

        Args:
            dataset: Samples, with a length.
            batch_size: Samples per step, over all ranks.
            workers: Loader processes.
            collate: Converts what the data set returns for a step to a batch.

        Returns:
            The loader of this rank.
        """
        rank, world = self.rank()
        whole = max(batch_size, world) // world * world
        size = len(dataset)  # pyright: ignore[reportArgumentType]  # torch gives Dataset no length
        order = GlobalBatches(size, whole, 0, rank, world, shuffle=False)
        return ordered_loader(dataset, order, workers, collate)
