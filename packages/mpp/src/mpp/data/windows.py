"""Windows of some trajectories: a history and what comes after it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from mpp.data.trajectories import Frames, Trajectories
from sciformer.arguments import check_least

Future = Float32[np.ndarray, "horizon field *space"]


class Windows:
    """All windows of the chosen trajectories, in order: by trajectory, then by first frame.

    Window ``n`` of a trajectory is its frames ``n`` to ``n + history + horizon``; there are
    ``frames - history - horizon + 1`` of each.

    Args:
        trajectories: Where they come from.
        chosen: Numbers of trajectories; the windows are in this order.
        history: Frames that the network sees.
        horizon: Frames after them.
        most: Take at most so many windows, evenly spread over all; None takes all.

    Raises:
        ValueError: If the trajectories are too short for a window.
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
        self.each = trajectories.frames - history - horizon + 1
        if self.each < 1:
            raise ValueError(
                f"{trajectories.where}: frames: {trajectories.frames} are too few for history "
                f"{history} and horizon {horizon}"
            )
        self.trajectories = trajectories
        self.chosen = np.asarray(chosen, np.int64)
        self.history, self.horizon = history, horizon
        whole = len(self.chosen) * self.each
        self.whole = whole
        self.size = whole if most is None else min(most, whole)

    def __len__(self) -> int:
        return self.size

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of the two parts of a window: (history, field, *space), (horizon, field, *space)."""
        frame = self.trajectories.frame_shape
        return (self.history, *frame), (self.horizon, *frame)

    def place(self, number: int) -> tuple[int, int]:
        """The trajectory of a window, and its first frame."""
        spread = range(self.size)[number] * self.whole // self.size
        at, start = divmod(spread, self.each)
        return int(self.chosen[at]), start

    def fill(self, number: int, past: Frames, future: Future) -> None:
        """Write a window into two arrays: its history, and what comes after."""
        trajectory, start = self.place(number)
        self.trajectories.fill(trajectory, start, past)
        self.trajectories.fill(trajectory, start + self.history, future)
