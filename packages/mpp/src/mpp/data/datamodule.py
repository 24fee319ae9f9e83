"""The data of a training: files and simulated systems, their splits and loaders."""

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

from mpp.data.dataset import MixtureWindows, Part, Windows
from mpp.data.description import FIELDS
from mpp.data.frame_cache import Cached
from mpp.data.sampler import MixtureOrder, weights_of
from mpp.data.sources import Entry, open_files, open_system
from mpp.data.trajectories import Trajectories
from mpp.nn.field_vocabulary import Vocabulary
from sciformer.arguments import ArgumentError, check_least, check_not_negative, inside
from sciformer.data.datamodule import DataModule
from sciformer.data.loader import SeededLoader
from sciformer.data.splits import shares_of, split_by_id
from sciformer.files import check_writable


class PhysicsData(DataModule):
    """Windows of trajectories of several physical systems, each batch of one of them.

    Args:
        files: Systems on the disk: paths or patterns of HDF5 files of PDEBench or The Well, folders
            of shards, or tables with ``path``, ``name``, ``fields``, ``rename``, ``constants``.
        simulate: Built-in systems: names, or tables with ``system``, ``name``, ``count``, ``seed``,
            ``frames``, ``shape``, ``dt``, ``parameters``.
        fields: Names of the vocabulary's rows, in order; ``None`` takes the usual ones, and after
            them what else the systems have.
        extend: Where ``fields`` lacks one of a system, give it the next row; else refuse.
        history: Frames that the network sees.
        horizon: Frames after them, to train and validate on.
        test_horizon: Frames after them in the test.
        batch_size: Windows per step of all devices together.
        steps: Steps of an epoch.
        epochs: ``trainer.max_epochs`` on the command line; the learning rate falls over all.
        mixture: Which system is next: ``round_robin``, ``uniform`` (drawn), or a weight of each by
            name.
        augment: Roll, mirror and turn training windows where a system's symmetry allows.
        noise: Standard deviation of the noise on the history in training, in units of that of each
            field.
        cache: Folder for decoded frames, written once, to read large compressed files from; None
            reads the files.
        splits: Shares of the trajectories, ``train``, ``val`` and ``test``; the same trajectories
            always, by their names.
        trajectories: Train on so many of each system at most; None takes all of the split.
        val_windows: At most so many windows of each system in validation and test, evenly spread.
        scan: Before anything else, see that the first and last frame of every trajectory can be
            read and are finite; a window is looked at when it is read in any case.
        workers: Processes per device that read ahead; 0 reads in the main process.
        seed: Of simulated systems, of the order and of the augmentation.

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
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.set_loading(batch_size, workers, seed)
        check_least(
            history=(history, 1),
            horizon=(horizon, 1),
            test_horizon=(test_horizon, 1),
            steps=(steps, 1),
            epochs=(epochs, 1),
            trajectories=(trajectories, 1),
            val_windows=(val_windows, 1),
        )
        check_not_negative(noise=noise)
        self.shares = shares_of(splits)
        self.sources, self.entries = _open(files or [], simulate or [], seed)
        for source in self.sources.values():
            Windows(source, [], history, max(horizon, test_horizon))  # complains if too short
        self.weights = weights_of(mixture, self.systems)
        self.vocabulary = _vocabulary(list(self.sources.values()), fields, extend)
        self.hparams["fields"] = self.fields  # a checkpoint keeps its rows
        self.history, self.horizon, self.test_horizon = history, horizon, test_horizon
        self.steps, self.all_batches = steps, epochs * steps
        self.augment, self.noise = augment, noise
        self.cache, self.trajectories, self.val_windows = cache, trajectories, val_windows
        self.scan = scan
        self._ready = cache is None

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        return self.steps

    @property
    def systems(self) -> list[str]:
        """Names of the systems; ``Batch.system`` counts them."""
        return list(self.sources)

    @property
    def fields(self) -> list[str]:
        """Names of the rows of the vocabulary, in order."""
        return list(self.vocabulary.names)

    def check(self) -> None:
        """See that there is something to train and validate on, and scan, if so wanted.

        Raises:
            ValueError: If a split that has a share has no trajectory, the cache cannot be written
                to, or naming file, trajectory, field and frame of what cannot be read.
        """
        with warnings.catch_warnings(action="ignore"):  # they come when the split is loaded
            for split in ("train", "val"):
                if split == "train" or self.shares[split] > 0:
                    self.parts(split, self.horizon)
        if self.cache is not None:
            check_writable(self.cache, "cache")
        for source in self.sources.values() if self.scan else ():
            for line in source.scan():
                raise ValueError(line)

    def prepare_data(self) -> None:
        """Decode what is not in the cache: in one process of each machine."""
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
        """The windows of a split, of each system that has some in it.

        Args:
            split: ``train``, ``val`` or ``test``.
            horizon: Frames after the history.
            most: Windows of each system, evenly spread; None takes all.

        Returns:
            Those of each system.

        Raises:
            ValueError: If no system has a trajectory in this split.
        """
        found, without = [], []
        for number, (name, source) in enumerate(self.sources.items()):
            chosen = split_by_id(source.ids, self.shares)[split]
            if split == "train":
                chosen = chosen[: self.trajectories]
            if not chosen:
                without.append(f"{name}: none of {len(source)} trajectories is in {split}")
                continue
            windows = Windows(source, chosen, self.history, horizon, most)
            found.append(Part(windows, self.vocabulary.rows(source.description.names), number))
        if not found:
            reason = f"{self.shares} leaves no trajectory for {split}; {'; '.join(without)}"
            raise ArgumentError("splits", reason)
        for line in without:
            warnings.warn(line, stacklevel=2)
        return found

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
        return self._in_order("val", self.horizon)

    def test_dataloader(self) -> list[SeededLoader]:
        return self._in_order("test", self.test_horizon)

    @property
    def predicted(self) -> dict[str, list[str]]:
        """The systems of the test; a window is its trajectory and its first frame."""
        found = {}
        for part in self.parts("test", self.test_horizon, self.val_windows):
            windows = part.windows
            places = [windows.place(number) for number in range(len(windows))]
            ids = windows.trajectories.ids
            found[self.systems[part.system]] = [f"{ids[t]}@{first}" for t, first in places]
        return found

    def _in_order(self, split: str, horizon: int) -> list[SeededLoader]:
        """A loader for each system: every window once."""
        self.setup()
        parts = self.parts(split, horizon, self.val_windows)
        return [self.in_order(MixtureWindows([part]), self.batch_size) for part in parts]


def _open(
    files: Sequence[Entry], simulate: Sequence[Entry], seed: int
) -> tuple[dict[str, Trajectories], dict[str, str]]:
    """The systems by name, and the arguments that say them."""
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
    if fields is None or extend:
        return known.with_new([name for source in sources for name in source.description.names])
    for source in sources:
        try:
            known.rows(source.description.names)
        except ArgumentError as error:
            raise ArgumentError(error.name, f"{source.where}: {error.reason}") from error
    return known
