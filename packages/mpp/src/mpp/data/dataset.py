"""The windows of several systems, read straight to their place in a batch of one of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64
from torch import Tensor
from torch.utils.data import Dataset

from mpp.data.augment import NOISE, draw, generator, moved, noisy
from mpp.data.batch import Batch, empty
from mpp.data.trajectories import Frames
from mpp.data.windows import Future, Windows
from sciformer.arguments import check_not_negative


class Part(NamedTuple):
    """One of the systems.

    Args:
        windows: Of its trajectories.
        rows: Of its fields in the vocabulary.
        system: Its number.
    """

    windows: Windows
    rows: Int64[Tensor, " fields"]
    system: int


class MixtureWindows(Dataset[Batch]):
    """Batches of windows by the numbers of :class:`~mpp.data.sampler.MixtureOrder`.

    What is drawn for a sample depends on the seed and on its own number alone.

    Args:
        parts: The systems.
        augment: Take a random symmetry of its system for each sample.
        noise: Standard deviation of the noise on the history, in units of that of each field.
        seed: Of both.

    Raises:
        ValueError: If there is less than no noise.
    """

    def __init__(
        self, parts: Sequence[Part], augment: bool = False, noise: float = 0.0, seed: int = 0
    ) -> None:
        check_not_negative(noise=noise)
        self.parts = list(parts)
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
        assert (owners == owners[0]).all()  # the order gives each batch to one system
        windows, first = part.windows, int(self.starts[owners[0]])
        frames, target = (empty((len(numbers), *shape)) for shape in windows.shapes)
        for row, (number, place) in enumerate(zip(draws, places, strict=True)):
            past, future = frames[row].numpy(), target[row].numpy()
            if self.augment:
                self._augment(part, number, place - first, past, future)
            else:
                windows.fill(place - first, past, future)
            if self.noise:
                noisy(past, self.noise, generator(self.seed, number, NOISE))
        boundaries = windows.trajectories.description.boundaries
        return Batch(frames, target, part.rows, boundaries, part.system)

    def _augment(self, part: Part, number: int, window: int, past: Frames, future: Future) -> None:
        if self._system != part.system:  # memory that is used again is not cleared again
            self._system = part.system
            self._unmoved = [np.empty(shape, np.float32) for shape in part.windows.shapes]
        part.windows.fill(window, *self._unmoved)
        description = part.windows.trajectories.description
        move = draw(description, generator(self.seed, number))
        for unmoved, out in zip(self._unmoved, (past, future), strict=True):
            moved(unmoved, description.components, move, out)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_unmoved": [], "_system": None}
