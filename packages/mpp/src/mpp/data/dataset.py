"""Dataset of MPP: windows (history and target frames) of several systems, batch by batch."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from mpp.data.augment import NOISE, draw, generator, moved, noisy
from mpp.data.batch import Batch
from mpp.data.trajectories import Frames, Trajectories
from sciformer.arguments import check_least, check_not_negative

Future = Float32[np.ndarray, "horizon field *space"]


class Part(NamedTuple):
    """Windows of one system, with the vocabulary rows of its fields and its index.

    ``parameters`` are those of all its trajectories, see ``mpp.data.parameters``.
    """

    windows: "Windows"
    rows: Int64[Tensor, " fields"]
    system: int
    parameters: Float32[Tensor, "trajectories parameters"] | None = None


class MixtureWindows(Dataset[Batch]):
    """Dataset indexed by the sample numbers of :class:`~mpp.data.sampler.MixtureOrder`.

    Augmentation and noise of a sample depend only on the seed and the sample's number.

    Args:
        parts: Windows of each system.
        augment: Apply a random symmetry of its system to each sample.
        noise: Noise on the history, as a fraction of each field's standard deviation; at least 0.
        seed: Seed of augmentation and noise.
    """

    def __init__(
        self, parts: Sequence[Part], augment: bool = False, noise: float = 0.0, seed: int = 0
    ) -> None:
        check_not_negative(noise=noise)
        self.parts = list(parts)
        for part in parts:
            _ = part.windows.trajectories.sizes  # measured once, before workers fork
        self.augment, self.noise, self.seed = augment, noise, seed
        self._unmoved: list[Frames] = []
        self._system: int | None = None
        self.starts = np.cumsum([0, *(len(part.windows) for part in parts)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, number: int) -> Batch:
        return self.__getitems__([number])

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        draws, places = zip(*(divmod(number, len(self)) for number in numbers), strict=True)
        owners = np.searchsorted(self.starts, places, "right") - 1
        part = self.parts[owners[0]]
        assert (owners == owners[0]).all()  # the sampler gives each batch to one system
        windows, first = part.windows, int(self.starts[owners[0]])
        frames, target = (_buffer((len(numbers), *shape)) for shape in windows.shapes)
        for row, (number, place) in enumerate(zip(draws, places, strict=True)):
            past, future = frames[row].numpy(), target[row].numpy()
            if self.augment and not windows.trajectories.masked:  # obstacles stay where they are
                self._augment(part, number, place - first, past, future)
            else:
                windows.fill(place - first, past, future)
            if self.noise:
                noisy(past, self.noise, generator(self.seed, number, NOISE))
        source = windows.trajectories
        boundaries = source.description.boundaries
        chosen = [windows.place(place - first)[0] for place in places]
        inside = inside_of(source, chosen)
        values = None if part.parameters is None else part.parameters[chosen]
        same = part.rows, boundaries, part.system, source.sizes
        return Batch(frames, target, *same, inside, values)

    def _augment(self, part: Part, number: int, window: int, past: Frames, future: Future) -> None:
        if self._system != part.system:  # reused from sample to sample
            self._system = part.system
            self._unmoved = [np.empty(shape, np.float32) for shape in part.windows.shapes]
        part.windows.fill(window, *self._unmoved)
        description = part.windows.trajectories.description
        move = draw(description, generator(self.seed, number))
        for unmoved, out in zip(self._unmoved, (past, future), strict=True):
            moved(unmoved, description.components, move, out)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_unmoved": [], "_system": None}


def _buffer(shape: tuple[int, ...]) -> Float[Tensor, "..."]:
    """Allocate an uninitialized batch array; in shared memory in a worker, to avoid a copy."""
    buffer = torch.from_numpy(np.empty(shape, np.float32))
    return buffer.share_memory_() if get_worker_info() is not None else buffer


def inside_of(
    source: Trajectories, numbers: Sequence[int]
) -> Float[Tensor, "trajectories 1 *space"] | None:
    """1 at points of the domain of some trajectories, 0 outside; None if all points are inside."""
    if not source.masked:
        return None
    outside = np.stack([source.outside(number) for number in numbers])
    return torch.from_numpy(1 - outside[:, None].astype(np.float32))


class Windows:
    """Sliding windows of selected trajectories, ordered by trajectory and first frame.

    Window ``n`` of a trajectory consists of frames ``n`` to ``n + history + horizon``; a trajectory
    has ``frames - history - horizon + 1`` windows, none if it is shorter.

    Args:
        trajectories: Source of the frames.
        chosen: Indices of the selected trajectories, in order.
        history: Number of input frames; at least 1.
        horizon: Number of target frames; at least 1.
        most: Maximum number of windows, evenly spread over all; None takes all.

    Raises:
        ValueError: If all trajectories are too short for a window.
    """

    def __init__(
        self,
        trajectories: Trajectories,
        chosen: Sequence[int],
        history: int,
        horizon: int = 1,
        most: int | None = None,
    ) -> None:
        check_least(history=(history, 1), horizon=(horizon, 1))
        if trajectories.frames < history + horizon:
            raise ValueError(
                f"{trajectories.where}: frames: {trajectories.frames} are too few for history "
                f"{history} and horizon {horizon}"
            )
        self.trajectories = trajectories
        self.chosen = np.asarray(chosen, np.int64)
        self.history, self.horizon = history, horizon
        lengths = np.asarray(trajectories.lengths, np.int64)[self.chosen]
        self.starts = np.cumsum([0, *np.maximum(lengths - history - horizon + 1, 0)])
        self.whole = int(self.starts[-1])
        self.size = self.whole if most is None else min(most, self.whole)

    def __len__(self) -> int:
        return self.size

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shapes of history and target: (history, field, *space), (horizon, field, *space)."""
        frame = self.trajectories.frame_shape
        return (self.history, *frame), (self.horizon, *frame)

    def place(self, number: int) -> tuple[int, int]:
        """Trajectory index and first frame of a window."""
        spread = range(self.size)[number] * self.whole // self.size
        at = int(np.searchsorted(self.starts, spread, "right")) - 1
        return int(self.chosen[at]), spread - int(self.starts[at])

    def inside(self, numbers: Sequence[int]) -> Float[Tensor, "windows 1 *space"] | None:
        """1 at points of the domain, 0 outside; None if all points are inside."""
        return inside_of(self.trajectories, [self.place(number)[0] for number in numbers])

    def fill(self, number: int, past: Frames, future: Future) -> None:
        """Write the input and target frames of a window into two arrays."""
        trajectory, start = self.place(number)
        self.trajectories.fill(trajectory, start, past)
        self.trajectories.fill(trajectory, start + self.history, future)
