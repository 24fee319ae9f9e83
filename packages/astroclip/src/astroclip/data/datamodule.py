"""LightningDataModule of AstroCLIP: simulated galaxies, files or shards; splits and loaders."""

import warnings
from functools import partial
from typing import Any

from torch.utils.data import Dataset

from astroclip.data.batch import Batch
from astroclip.data.dataset import GalaxyDataset
from astroclip.data.entry import Files, OnError
from astroclip.data.on_error import FLAG, LeftOut, good
from astroclip.data.readers.open import open_all
from astroclip.data.simulated import Grid, PoolDataset, fresh, simulated
from astroclip.data.source import Joined, Source
from astroclip.simulate.galaxies import BLOCK, LABELS
from sciformer.arguments import ArgumentError, check_least
from sciformer.data.collate import unchanged
from sciformer.data.datamodule import DataModule
from sciformer.data.loader import (
    SeededLoader,
    generated_loader,
    ordered_loader,
)
from sciformer.data.sampler import GlobalBatches
from sciformer.data.splits import shares_of, split_as_given, split_by_id
from sciformer.progress import progress

RESERVED = 16  # blocks in front of those of the training: validation, then test
VAL, TEST = range(0, RESERVED // 2), range(RESERVED // 2, RESERVED)


class GalaxyData(DataModule):
    """Pairs of images and spectra, simulated unless ``files`` or ``shards`` are given.

    Args:
        pairs: Simulated galaxies per epoch.
        stream: Simulate new galaxies at every step, none of them used twice; if False, simulate all
            before training.
        files: Paths or glob patterns of files of galaxies in any supported format, or tables with
            ``path`` and ``kind``; or tables with ``images`` and ``spectra``.
        shards: Folder written by ``astroclip simulate``.
        labels: Labels to read from files; simulated galaxies have all labels.
        size: Pixels along a side of the images; larger images of files are cropped to the center.
        grid: Wavelength grid of spectra: 2048 ``bins`` equal in log wavelength, or the pixels of
            the ``survey``.
        batch_size: Galaxies per step, over all devices.
        val_pairs: Number of simulated validation galaxies, at most 2,048.
        test_pairs: Number of simulated test galaxies, at most 2,048.
        epochs: Number of epochs of the learning rate schedule; set by ``trainer.max_epochs`` on the
            command line.
        splits: Fractions of files and shards in ``train``, ``val`` and ``test``, of which 0 means
            none; the galaxies are ranked by a hash of their id, unless a column ``split`` of their
            labels says it.
        on_error: What to do with a file or a galaxy that cannot be used: report it and go on with
            the others (``skip``), or stop before training (``stop``).
        workers: Processes that simulate or load; 0 uses the main process.
        seed: Seed of simulated galaxies and of the order.

    Raises:
        ValueError: For a number out of range, or a file that cannot be read.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what a YAML says of the data
        self,
        pairs: int = 16_384,
        stream: bool = False,
        files: Files | None = None,
        shards: str | None = None,
        labels: list[str] | None = None,
        size: int = 48,
        grid: Grid = "bins",
        batch_size: int = 256,
        val_pairs: int = 1000,
        test_pairs: int = 1000,
        epochs: int = 1,
        splits: dict[str, float] | None = None,
        on_error: OnError = "skip",
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, workers, seed)
        check_least(pairs=(pairs, 1), size=(size, 8), epochs=(epochs, 1))
        for key, value in (("val_pairs", val_pairs), ("test_pairs", test_pairs)):
            check_least(**{key: (value, 2)})
            if value > len(VAL) * BLOCK:
                raise ArgumentError(key, f"{value} is more than {len(VAL) * BLOCK}")
        self.shares = shares_of(splits)
        opened = open_all(files, shards, on_error)
        self.source = Joined(opened) if opened else None
        if self.source is None and splits is not None:
            warnings.warn(f"splits: {splits} is of files; pairs are counted apart", stacklevel=2)
        if stream and self.source is not None:
            reason = "true, but only simulated galaxies are made anew, and there are files"
            raise ArgumentError("stream", reason)
        if stream and batch_size % BLOCK:
            reason = f"{batch_size} is not a multiple of {BLOCK}, as stream is"
            raise ArgumentError("batch_size", reason)
        self.pairs, self.stream, self.size = pairs, stream, size
        self.grid: Grid = grid
        self.epochs, self.on_error = epochs, on_error
        self.tested = {"val": val_pairs, "test": test_pairs}
        self.labels = list(LABELS if self.source is None else labels or self.source.labels)
        self.sets: dict[str, Dataset[Any]] = {}

    @property
    def batches(self) -> int:
        """Batches per epoch."""
        if self.source is None:
            return self.pairs // self.batch_size
        return len(self.dataset("train")) // self.batch_size  # pyright: ignore[reportArgumentType]

    def check(self) -> None:
        """Simulate, or read every galaxy of the files once, before training writes anything.

        Raises:
            ValueError: Naming file and object of the first galaxy that cannot be used.
        """
        if self.batches < 1:
            reason = f"{self.batch_size} is more than the galaxies of an epoch"
            raise ArgumentError("batch_size", reason)
        for split in ("train", "val"):
            if split == "val" or not self.stream:
                self.dataset(split)

    def train_dataloader(self) -> SeededLoader:
        rank, world = self.rank()
        if self.stream:
            make = partial(
                fresh,
                seed=self.seed,
                first=RESERVED,
                size=self.size,
                grid=self.grid,
                batch_size=self.batch_size,
            )
            return generated_loader(
                make, self.batches, rank=rank, world=world, workers=self.workers
            )
        found = self.dataset("train")
        order = GlobalBatches(len(found), self.batch_size, self.seed, rank, world)  # pyright: ignore[reportArgumentType]
        workers = 0 if self.source is None else self.workers
        return ordered_loader(found, order, workers, unchanged)

    def val_dataloader(self) -> SeededLoader | list[SeededLoader]:
        return [] if self.without("val") else self.loader("val")

    def test_dataloader(self) -> SeededLoader:
        return self.loader("test")

    @property
    def predicted(self) -> dict[str, list[str]]:
        """Ids of the test galaxies; simulated ones are numbered."""
        found = self.dataset("test")
        if isinstance(found, GalaxyDataset):
            return {"test": [found.source.id(number) for number in found.numbers.tolist()]}
        return {"test": [str(number) for number in range(self.tested["test"])]}

    def loader(self, split: str) -> SeededLoader:
        """Load every galaxy of a split once, in order.

        Args:
            split: ``train``, ``val`` or ``test``.

        Returns:
            The loader.
        """
        workers = 0 if self.source is None else self.workers
        found = self.dataset(split)
        if not len(found):  # pyright: ignore[reportArgumentType]
            raise ArgumentError("splits", f"{self.shares} leaves no galaxy for {split}")
        return self.in_order(found, self.batch_size, workers)

    def dataset(self, split: str) -> Dataset[Any]:
        """Dataset of a split.

        Args:
            split: ``train``, ``val`` or ``test``.

        Returns:
            A dataset that loads whole batches.
        """
        if split not in self.sets:
            if self.source is None:
                self.sets[split] = self._simulated(split)
            else:
                self.sets.update(self._read(self.source))
        return self.sets[split]

    def _simulated(self, split: str) -> PoolDataset:
        count = self.pairs if split == "train" else self.tested[split]
        first = {"val": VAL.start, "test": TEST.start, "train": RESERVED}[split]
        blocks = range(first, first + -(-count // BLOCK))
        with progress(f"simulating {count} galaxies: {split}", len(blocks)) as show:
            pool = simulated(self.seed, blocks, self.size, self.grid, self.workers, show)
        return PoolDataset(pool.first(count))

    def _read(self, source: Source) -> dict[str, Dataset[Batch]]:
        numbers, bad = good(source)
        if bad and (self.on_error != "skip" or not numbers):
            more = f"; and {len(bad) - 1} others" if len(bad) > 1 else ""
            flag = f" ({FLAG})" if numbers else ""
            raise ValueError(f"{bad[0].reason}{more}{flag}")
        tell = LeftOut("--data.on_error")
        for each in bad:
            tell(each)
        ids = [source.id(number) for number in numbers]
        given = [source.split(number) for number in numbers]
        try:
            if any(given):
                parts = split_as_given(ids, given, self.shares)
            else:
                parts = split_by_id(ids, self.shares)
        except ValueError as error:
            raise ArgumentError("splits", f"galaxies: {error}") from error
        return {
            split: GalaxyDataset(
                source, [numbers[place] for place in places], self.labels, self.size, self.grid
            )
            for split, places in parts.items()
        }
