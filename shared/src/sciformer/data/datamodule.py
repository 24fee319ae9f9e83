"""Base of the projects' LightningDataModules: rank, loaders, ids of samples."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lightning.pytorch import LightningDataModule
from torch.utils.data import Dataset

from sciformer.data.collate import unchanged
from sciformer.data.loader import SeededLoader, check_loading, ordered_loader
from sciformer.data.sampler import GlobalBatches, Order


class DataModule(LightningDataModule):
    """A LightningDataModule whose loaders know their rank and hand over each sample once.

    A subclass calls ``save_hyperparameters(logger=False)`` and :meth:`set_loading`.
    """

    def set_loading(self, batch_size: int, workers: int, seed: int) -> None:
        """Take what all loaders are made with.

        Args:
            batch_size: Samples per step of all ranks together, at least 1.
            workers: Processes per rank that load, at least 0.
            seed: Of the order, at least 0.

        Raises:
            ArgumentError: Naming the first that is less.
        """
        check_loading(batch_size, workers, seed)
        self.batch_size, self.workers, self.seed = batch_size, workers, seed

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        raise NotImplementedError

    def check(self) -> None:
        """See that a fit can begin, before it writes anything.

        Raises:
            ValueError: If it cannot.
        """

    @property
    def predicted(self) -> Mapping[str, Sequence[str]]:
        """What ``predict_dataloader`` loads: the ids of the samples of each set, in order."""
        raise NotImplementedError

    def predict_dataloader(self) -> Any:
        return self.test_dataloader()

    def rank(self) -> tuple[int, int]:
        """This process and their number; 0 of 1 without a trainer."""
        trainer = self.trainer
        return (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)

    def by_order(self, dataset: Dataset[Any], order: Order) -> SeededLoader:
        """Load to train what an order says, of a data set that puts batches together itself."""
        return ordered_loader(dataset, order, self.workers, unchanged)

    def in_order(
        self,
        dataset: Dataset[Any],
        batch_size: int,
        workers: int = 0,
        collate: Callable[[Any], Any] = unchanged,
    ) -> SeededLoader:
        """Load every sample once, in order, to evaluate.

        Args:
            dataset: Samples, with a length.
            batch_size: Samples of all ranks together.
            workers: Processes that load.
            collate: What the data set gives for a step -> batch.

        Returns:
            A loader for this rank.
        """
        rank, world = self.rank()
        whole = max(batch_size, world) // world * world
        size = len(dataset)  # pyright: ignore[reportArgumentType]  # torch gives Dataset no length
        order = GlobalBatches(size, whole, 0, rank, world, shuffle=False)
        return ordered_loader(dataset, order, workers, collate)
