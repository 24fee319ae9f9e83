"""Interface of all readers: trajectories, simulated or measured, by index."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from mpp.data.description import Description
from mpp.sizes import Sizes, sizes_of

SURVEYED = 2**24  # bytes of frames from which their sizes are taken,
FEWEST = 4  # but at least so many pairs

Frames = Float32[np.ndarray, "time field *space"]
NOTHING: Mapping[str, str] = MappingProxyType({})
CLOSE = 1e-3  # relative difference of steps; coordinates are often fp32


@runtime_checkable
class Masks(Protocol):
    """Points outside the domain, see ``mpp.data.mask``."""

    def outside(self, trajectory: int) -> Bool[np.ndarray, "*space"]:
        """Points outside the domain of a trajectory."""
        ...

    def apply(self, trajectory: int, start: int, out: Frames) -> None:
        """Set the points outside the domain to 0, in frames from ``start`` on."""
        ...


class Trajectories(ABC):
    """Trajectories of one physical system on one grid.

    Args:
        where: Name in errors: a path, or the name of a system.
        identity: Changes when the data change; decides the name of a cache.
        description: Description shared by all trajectories.
        ids: Permanent id of each trajectory; decides its split, unless ``given`` does.
        frames: Number of frames of each trajectory; one number if they all have as many.
        assumed: What the files do not say: ``boundaries``, ``dt`` or ``spacing`` -> a sentence; the
            description holds a placeholder.

    Raises:
        ValueError: If there are no trajectories, or they have only one frame.
    """

    given: list[str] | None = None  # split of each trajectory, where the files say it
    masks: Masks | None = None  # points outside the domain
    asks = True  # whether the user must say boundaries that the files do not
    _raw = False
    layout = ""  # format of the files, for display
    units: Mapping[str, str] = NOTHING  # of the fields, where the files say them
    made_by: tuple[str, Mapping[str, Any]] | None = None  # built-in system and its parameters

    def scalars(self, trajectory: int) -> Mapping[str, Any]:  # most have none
        """Physical parameters of a trajectory by name, where the files say them."""
        return {}

    def __init__(
        self,
        where: str,
        identity: str,
        description: Description,
        ids: Sequence[str],
        frames: int | Sequence[int],
        assumed: Mapping[str, str] = NOTHING,
    ) -> None:
        if not ids:
            raise ValueError(f"{where}: holds no trajectory")
        lengths = [frames] * len(ids) if isinstance(frames, int) else list(frames)
        if max(lengths) < 2:
            most = max(lengths)
            raise ValueError(f"{where}: frames: {most}, but there is nothing to predict in one")
        self.where = where
        self.identity = identity
        self.description = description
        self.ids = list(ids)
        self.lengths = lengths
        self.assumed = dict(assumed)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def frames(self) -> int:
        """Number of frames of the longest trajectory."""
        return max(self.lengths)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one frame: (field, *space)."""
        return len(self.description.components), *self.description.shape

    @abstractmethod
    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        """Read frames from ``start`` into a C-contiguous array, as many as fit.

        Points outside the domain are 0.
        """

    def still(self, name: str, trajectory: int) -> Float32[np.ndarray, "*space"]:
        """A scalar of the file that is constant in time; ``ValueError`` if there is none."""
        raise ValueError(f"{self.where}: {name}: no field that is constant in time")

    @property
    def masked(self) -> bool:
        """Whether some points are outside the domain."""
        return self.masks is not None

    def outside(self, trajectory: int) -> Bool[np.ndarray, "*space"]:
        """Points outside the domain: obstacles, land."""
        if self.masks is None:
            return np.zeros(self.description.shape, bool)
        return self.masks.outside(trajectory)

    def finish(self, trajectory: int, start: int, out: Frames, name: object) -> None:
        """Set points outside the domain to 0, and check that all others are finite.

        Args:
            trajectory: Index of the trajectory.
            start: First frame.
            out: Frames as they are stored.
            name: Name of the trajectory in errors.

        Raises:
            ValueError: Naming the first field and frame that is not finite.
        """
        if self._raw:
            return
        if self.masks is not None:
            self.masks.apply(trajectory, start, out)
        check_finite(out, start, self.description.names, f"{self.where}: {name}")

    def raw(self, trajectory: int, frame: int) -> Frames:
        """A frame as it is stored, which may hold NaN."""
        self._raw = True
        try:
            return self.read(trajectory, frame, frame + 1)
        finally:
            self._raw = False

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
        there = 0 <= trajectory < len(self)
        if not there or not 0 <= start < stop <= self.lengths[trajectory]:
            frames = self.lengths[trajectory] if there else self.frames
            raise ValueError(
                f"{self.where}: no frames {start} to {stop} of trajectory {trajectory}; there are "
                f"{len(self)} trajectories of {frames} frames"
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
        ends = np.cumsum([length - 1 for length in self.lengths])
        pairs = int(ends[-1])
        count = min(pairs, max(FEWEST, SURVEYED // (4 * math.prod(self.frame_shape))))
        for number in range(count):
            place = (2 * number + 1) * pairs // (2 * count)
            trajectory = int(np.searchsorted(ends, place, "right"))
            first = place - int(ends[trajectory]) + self.lengths[trajectory] - 1
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
                frames = self.lengths[number]
                for start in range(frames) if every else (0, frames - 1):
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


class Wrapped(Trajectories):
    """Trajectories made of others; what is not overridden is theirs.

    Args:
        whole: The others.
        identity: Changes when the data change.
        description: Description of the new ones.
        ids: Their ids.
        frames: Number of frames of each.
    """

    def __init__(
        self,
        whole: Trajectories,
        identity: str,
        description: Description,
        ids: Sequence[str],
        frames: int | Sequence[int],
    ) -> None:
        super().__init__(whole.where, identity, description, ids, frames, whole.assumed)
        self.whole, self.given = whole, whole.given
        self.layout, self.units = whole.layout, dict(whole.units)

    def scalars(self, trajectory: int) -> Mapping[str, Any]:
        return self.whole.scalars(trajectory)

    @property
    def masked(self) -> bool:
        return self.whole.masked

    def outside(self, trajectory: int) -> Bool[np.ndarray, "*space"]:
        return self.whole.outside(trajectory)

    def prepare(self) -> None:
        self.whole.prepare()
