"""LightningDataModule of MPP: files and simulated systems, splits and loaders."""

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

from mpp.data.dataset import MixtureWindows, Part, Windows
from mpp.data.description import FIELDS
from mpp.data.excerpt import split_in_time
from mpp.data.frame_cache import Cached
from mpp.data.sampler import MixtureOrder, weights_of
from mpp.data.sources import Entry, open_files, open_system, tell_rows
from mpp.data.trajectories import Trajectories
from mpp.nn.field_vocabulary import Vocabulary
from sciformer.arguments import ArgumentError, check_least, check_not_negative, inside
from sciformer.data.datamodule import DataModule
from sciformer.data.loader import SeededLoader
from sciformer.data.splits import DRAWN, SHARES, shares_of, split_as_given, split_by_id
from sciformer.files import check_writable


class PhysicsData(DataModule):
    """Windows of trajectories of several physical systems; each batch holds a single system.

    Args:
        files: Systems on disk: paths or glob patterns of files of PDEBench, The Well or one's own
            arrays, folders of shards, or tables with ``path``, ``name``, ``fields``, ``axes``,
            ``boundaries``, ``dt``, ``spacing``, ``parameters``, ``constants``, ``mask``, ``valid``,
            ``conserved``, ``stride``, ``coarsen``, ``rename``, ``split``.
        simulate: Built-in systems: names, or tables with ``system``, ``name``, ``count``, ``seed``,
            ``frames``, ``shape``, ``dt``, ``parameters``.
        fields: Field names of the vocabulary's rows, in order; ``None`` takes the default
            vocabulary, followed by any other fields of the systems.
        extend: Append fields of the systems that ``fields`` lacks to the vocabulary; if False,
            raise an error.
        history: Number of input frames.
        horizon: Number of target frames in training and validation.
        test_horizon: Number of target frames in the test.
        batch_size: Windows per step of all devices together.
        steps: Batches per epoch.
        epochs: Number of epochs of the learning rate schedule; set by ``trainer.max_epochs`` on the
            command line.
        mixture: How the system of each batch is chosen: ``round_robin``, ``uniform`` (at random),
            or a weight for each system by name.
        augment: Randomly roll, reflect and rotate training windows where a system's symmetry allows
            it.
        noise: Standard deviation of the noise on input frames in training, relative to that of each
            field.
        cache: Folder for decoded frames, written once, which speeds up reading of large compressed
            files; None reads the files directly.
        splits: Fractions of the trajectories in ``train``, ``val`` and ``test``, of which 0 means
            none; the trajectories are ranked by a hash of their id. Fewer trajectories than splits
            are split in time. Splits that the files themselves give are kept.
        trajectories: Maximum number of training trajectories of each system; None takes all.
        val_windows: Maximum number of windows of each system in validation and test, evenly spread.
        scan: Before training, check that the first and last frame of every trajectory can be read
            and are finite. All frames are checked anyway: when they are read, or, with ``cache``,
            when the cache is written.
        workers: Loader processes per device; 0 loads in the main process.
        seed: Seed of simulated systems, order of the samples, augmentation and noise.

    Raises:
        ValueError: For a number out of its range, or a file that cannot be read.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what a YAML says of the data
        self,
        files: list[str | dict[str, Any]] | None = None,
        simulate: list[str | dict[str, Any]] | None = None,
        fields: list[str] | None = None,
        extend: bool = False,
        history: int = 16,
        horizon: int = 1,
        test_horizon: int = 5,
        batch_size: int = 4,
        steps: int = 1000,
        epochs: int = 1,
        mixture: str | dict[str, float] = "round_robin",
        augment: bool = False,
        noise: float = 0.0,
        cache: str | None = None,
        splits: dict[str, float] | None = None,
        trajectories: int | None = None,
        val_windows: int = 64,
        scan: bool = True,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, workers, seed)
        check_not_negative(noise=noise)
        check_least(
            history=(history, 1),
            horizon=(horizon, 1),
            test_horizon=(test_horizon, 1),
            steps=(steps, 1),
            epochs=(epochs, 1),
            trajectories=(trajectories, 1),
            val_windows=(val_windows, 1),
        )
        self.shares = shares_of(splits)
        self.sources, self.entries = _open(files or [], simulate or [], seed)
        for source in self.sources.values():
            Windows(source, [], history, max(horizon, test_horizon))  # complains if too short
        self.weights = weights_of(mixture, self.systems)
        self.vocabulary = _vocabulary(list(self.sources.values()), fields, extend)
        self.hparams["fields"] = self.fields  # a checkpoint keeps its rows
        self.history, self.horizon, self.test_horizon = history, horizon, test_horizon
        horizons = {"train": horizon, "val": horizon, "test": test_horizon}
        self.least = {split: history + each for split, each in horizons.items()}  # frames of one
        self.steps, self.all_batches = steps, epochs * steps
        self.augment, self.noise = augment, noise
        self.cache, self.trajectories, self.val_windows = cache, trajectories, val_windows
        self.scan = scan
        self._ready = cache is None

    @property
    def batches(self) -> int:
        """Batches per epoch."""
        return self.steps

    @property
    def systems(self) -> list[str]:
        """Names of the systems; ``Batch.system`` is an index into them."""
        return list(self.sources)

    @property
    def fields(self) -> list[str]:
        """Names of the rows of the vocabulary, in order."""
        return list(self.vocabulary.names)

    def check(self) -> None:
        """Check that every split has data, and scan the files if ``scan`` is set.

        Raises:
            ValueError: If training, or a split with a fraction above 0, has no trajectory, the
                cache is not writable, or a frame cannot be read or is not finite (names file,
                trajectory, field and frame).
        """
        horizons = {"train": self.horizon, "val": self.horizon, "test": self.test_horizon}
        if self.shares.get(DRAWN):  # a run of an older version may go on without a test
            del horizons["test"]
        with warnings.catch_warnings(action="ignore"):  # they come when the split is loaded
            for split, horizon in horizons.items():
                if split == "train" or self.shares[split] > 0:
                    self.parts(split, horizon)
        if self.cache is not None:
            check_writable(self.cache, "cache")
        for source in self.sources.values() if self.scan else ():
            for line in source.scan():
                raise ValueError(line)

    def prepare_data(self) -> None:
        """Decode trajectories that are not in the cache, in one process per machine."""
        if self.cache is not None:
            for source in self.sources.values():
                Cached(source, self.cache)

    def setup(self, stage: str | None = None) -> None:
        if not self._ready and self.cache is not None:
            folder = self.cache
            self.sources = {name: Cached(one, folder) for name, one in self.sources.items()}
            self._ready = True
        for name, source in self.sources.items():
            with inside(self.entries[name], {}):
                source.prepare()

    def parts(self, split: str, horizon: int, most: int | None = None) -> list[Part]:
        """Windows of a split, one part for each system that has trajectories in it.

        Args:
            split: ``train``, ``val`` or ``test``.
            horizon: Number of target frames.
            most: Maximum number of windows of each system, evenly spread; None takes all.

        Returns:
            One part per system.

        Raises:
            ValueError: If no system has a trajectory in this split.
        """
        found, without = [], []
        for number, (name, whole) in enumerate(self.sources.items()):
            try:
                source, chosen = self._split(whole, split)
            except ValueError as error:
                raise ArgumentError("splits", f"{whole.where}: {error}") from error
            if split == "train":
                chosen = chosen[: self.trajectories]
            if not chosen:
                without.append(f"{name}: none of {len(whole)} trajectories is in {split}")
                continue
            windows = Windows(source, chosen, self.history, horizon, most)
            found.append(Part(windows, self.vocabulary.rows(source.description.names), number))
        if not found:
            reason = f"{self.shares} leaves no trajectory for {split}; {'; '.join(without)}"
            raise ArgumentError("splits", reason)
        for line in without:
            warnings.warn(line, stacklevel=2)
        return found

    def _split(self, source: Trajectories, split: str) -> tuple[Trajectories, list[int]]:
        """Trajectories that hold a split, and which of them are in it."""
        if source.given is not None:
            return source, split_as_given(source.ids, source.given, self.shares)[split]
        few = len(set(source.ids)) < sum(self.shares[name] > 0 for name in SHARES)
        if not few or self.shares.get(DRAWN):
            return source, split_by_id(source.ids, self.shares)[split]
        parts = split_in_time(source, self.shares, self.history, self.least)
        return (parts[split], list(range(len(source)))) if split in parts else (source, [])

    def train_dataloader(self) -> SeededLoader:
        self.setup()
        parts = self.parts("train", self.horizon)
        weights = self.weights and [self.weights[part.system] for part in parts]
        rank, world = self.rank()
        sizes = [len(part.windows) for part in parts]
        order = MixtureOrder(sizes, self.batch_size, self.steps, self.seed, weights, rank, world)
        data = MixtureWindows(parts, self.augment, self.noise, self.seed)
        return self.by_order(data, order)

    def val_dataloader(self) -> list[SeededLoader]:
        return [] if self.without("val") else self._in_order("val", self.horizon)

    def test_dataloader(self) -> list[SeededLoader]:
        return self._in_order("test", self.test_horizon)

    @property
    def predicted(self) -> dict[str, list[str]]:
        """Systems of the test split; a window is identified by its trajectory and first frame."""
        found = {}
        for part in self.parts("test", self.test_horizon, self.val_windows):
            windows = part.windows
            places = [windows.place(number) for number in range(len(windows))]
            ids = windows.trajectories.ids
            found[self.systems[part.system]] = [f"{ids[t]}@{first}" for t, first in places]
        return found

    def _in_order(self, split: str, horizon: int) -> list[SeededLoader]:
        """Loaders that read every window once, one per system."""
        self.setup()
        parts = self.parts(split, horizon, self.val_windows)
        return [self.in_order(MixtureWindows([part]), self.batch_size) for part in parts]


def _open(
    files: Sequence[Entry], simulate: Sequence[Entry], seed: int
) -> tuple[dict[str, Trajectories], dict[str, str]]:
    """Trajectories of each system by name, and the argument that each came from."""
    found: dict[str, Trajectories] = {}
    places: dict[str, str] = {}
    given = [(f"files[{index}]", entry, open_files) for index, entry in enumerate(files)]
    simulated = partial(open_system, seed=seed)
    given += [(f"simulate[{index}]", entry, simulated) for index, entry in enumerate(simulate)]
    for place, entry, opener in given:
        with inside(place, entry):
            name, source = opener(entry)
            if name in found:
                raise ArgumentError("name", f"{name!r} is that of {places[name]}, too")
        found[name], places[name] = source, place
    if not found:
        raise ArgumentError("files", "empty, and so is simulate: there is nothing to train on")
    return found, places


def _vocabulary(
    sources: Sequence[Trajectories], fields: Sequence[str] | None, extend: bool
) -> Vocabulary:
    known = Vocabulary(FIELDS if fields is None else fields)
    for source in sources:
        tell_rows(known, source, extend and fields is not None)
    if fields is None or extend:
        for source in sources:
            known = known.with_new(source.description.names)
        return known
    for source in sources:
        try:
            known.rows(source.description.names)
        except ArgumentError as error:
            raise ArgumentError(error.name, f"{source.where}: {error.reason}") from error
    return known
