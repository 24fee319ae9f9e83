"""Interface of all readers: trajectories, simulated or measured, by index."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from mpp.data.description import Description
from mpp.sizes import Sizes, sizes_of

SURVEYED = 2**24  # bytes of frames from which their sizes are taken,
FEWEST = 4  # but at least so many pairs

Frames = Float32[np.ndarray, "time field *space"]


class Trajectories(ABC):
    """Trajectories of one physical system on one grid.

    Args:
        where: Name in errors: a path, or the name of a system.
        identity: Changes when the data change; decides the name of a cache.
        description: Description shared by all trajectories.
        ids: Permanent id of each trajectory; decides its split, unless ``given`` does.
        frames: Number of frames per trajectory.

    Raises:
        ValueError: If there are no trajectories, or they have only one frame.
    """

    given: list[str] | None = None  # split of each trajectory, where the files say it

    def __init__(
        self, where: str, identity: str, description: Description, ids: Sequence[str], frames: int
    ) -> None:
        if not ids:
            raise ValueError(f"{where}: holds no trajectory")
        if frames < 2:
            raise ValueError(f"{where}: frames: {frames}, but there is nothing to predict in one")
        self.where = where
        self.identity = identity
        self.description = description
        self.ids = list(ids)
        self.frames = frames

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one frame: (field, *space)."""
        return len(self.description.components), *self.description.shape

    @abstractmethod
    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        """Read frames from ``start`` into a C-contiguous array, as many as fit."""

    def prepare(self) -> None:  # noqa: B027  # most have nothing to prepare
        """Do expensive work once, before worker processes are forked."""

    def read(self, trajectory: int, start: int, stop: int) -> Frames:
        """Read frames of a trajectory.

        Args:
            trajectory: Index of the trajectory.
            start: First frame.
            stop: Frame after the last one.

        Returns:
            A new array of frames.

        Raises:
            ValueError: If a frame does not exist, cannot be read or is not finite.
        """
        if not 0 <= start < stop <= self.frames or not 0 <= trajectory < len(self):
            raise ValueError(
                f"{self.where}: no frames {start} to {stop} of trajectory {trajectory}; there are "
                f"{len(self)} trajectories of {self.frames} frames"
            )
        out = np.empty((stop - start, *self.frame_shape), np.float32)
        self.fill(trajectory, start, out)
        return out

    @cached_property
    def sizes(self) -> Sizes:
        """Sizes of the fields, from some pairs of frames spread over all trajectories.

        A function of the data alone: a training and its evaluation have the same. Frames that
        cannot be read are left out; who needs them is told when they are read.
        """
        return sizes_of(self._spread())

    def _spread(self) -> Iterator[Float32[Tensor, "1 2 field *space"]]:
        pairs = len(self) * (self.frames - 1)
        count = min(pairs, max(FEWEST, SURVEYED // (4 * math.prod(self.frame_shape))))
        for number in range(count):
            place = (2 * number + 1) * pairs // (2 * count)
            trajectory, first = divmod(place, self.frames - 1)
            with suppress(ValueError):
                yield torch.from_numpy(self.read(trajectory, first, first + 2))[None]

    def scan(self, every: bool = False) -> Iterator[str]:
        """Check that the first and last frame of each trajectory can be read and are finite.

        Args:
            every: Check all frames.

        Yields:
            One line for each trajectory with an error.
        """
        for number in range(len(self)):
            try:
                for start in range(self.frames) if every else (0, self.frames - 1):
                    self.read(number, start, start + 1)
            except ValueError as error:
                yield str(error)


def check_finite(frames: Frames, start: int, names: Sequence[str], where: str) -> None:
    """Check that no value is NaN or infinite.

    Args:
        frames: Frames to check.
        start: Index of the first of these frames.
        names: Names of the fields.
        where: File and trajectory, for the error.

    Raises:
        ValueError: Naming the first field and frame that is not finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(frames.sum())  # one pass without an array of booleans
    if math.isfinite(total):
        return
    bad = np.argwhere(~np.isfinite(frames))
    if len(bad):
        time, field, *point = bad[0].tolist()
        value = frames[tuple(bad[0])]
        raise ValueError(
            f"{where}: {names[field]}: frame {start + time} holds {value} at {tuple(point)}"
        )


class Joined(Trajectories):
    """Concatenated trajectories of several files of one system; the order of fields may differ.

    Args:
        parts: Trajectories of each file.

    Raises:
        ValueError: If the files are inconsistent.
    """

    def __init__(self, parts: Sequence[Trajectories]) -> None:
        first = parts[0]
        names = first.description.names
        self.parts = list(parts)
        self.orders: list[list[int] | None] = []
        for part in parts:
            _check_alike(first, part)
            same = part.description.names == names
            self.orders.append(None if same else [part.description.names.index(n) for n in names])
        self.starts = np.cumsum([0, *map(len, parts)])
        ids = [name for part in parts for name in part.ids]
        identity = "\n".join(part.identity for part in parts)
        super().__init__(first.where, identity, first.description, ids, first.frames)

    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        number = int(np.searchsorted(self.starts, trajectory, "right")) - 1
        part, order = self.parts[number], self.orders[number]
        trajectory -= int(self.starts[number])
        if order is None:
            part.fill(trajectory, start, out)
        else:
            out[...] = part.read(trajectory, start, start + len(out))[:, order]


def _check_alike(first: Trajectories, other: Trajectories) -> None:
    for key, given, wanted in (
        ("fields", sorted(other.description.names), sorted(first.description.names)),
        ("shape", other.description.shape, first.description.shape),
        ("boundaries", other.description.boundaries, first.description.boundaries),
        ("frames", other.frames, first.frames),
    ):
        if given != wanted:
            raise ValueError(f"{other.where}: {key}: {given}, but {first.where} has {wanted}")
