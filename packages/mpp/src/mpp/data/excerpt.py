"""Parts of trajectories: how too few of them are split in time."""

from collections.abc import Mapping
from functools import cached_property

from mpp.data.trajectories import Frames, Trajectories, Wrapped
from mpp.sizes import Sizes
from sciformer.data.splits import SHARES, counts


class Excerpt(Wrapped):
    """Consecutive frames of every trajectory.

    Args:
        whole: The trajectories.
        first: Index of the first frame.
        stop: Index after the last frame.
    """

    def __init__(self, whole: Trajectories, first: int, stop: int) -> None:
        ids = [f"{each}/{first}-{stop - 1}" for each in whole.ids]
        super().__init__(whole, whole.identity, whole.description, ids, stop - first)
        self.first = first

    @cached_property
    def sizes(self) -> Sizes:
        """Sizes over the whole trajectories."""
        return self.whole.sizes

    def fill(self, trajectory: int, start: int, out: Frames) -> None:
        self.whole.fill(trajectory, self.first + start, out)


def split_in_time(
    whole: Trajectories, shares: Mapping[str, float], gap: int, least: Mapping[str, int]
) -> dict[str, Excerpt]:
    """Cut trajectories in time: the first frames train, then come val and test.

    Args:
        whole: Trajectories, too few for one in each split.
        shares: Fractions of the frames in ``train``, ``val`` and ``test``.
        gap: Number of frames left out between two splits.
        least: Smallest number of frames of each split.

    Returns:
        Trajectories of each split with a share above 0.

    Raises:
        ValueError: If the trajectories are too short.
    """
    parts = [name for name in SHARES if shares[name] > 0]
    gaps = gap * (len(parts) - 1)
    need = gaps + sum(least[name] for name in parts)
    frames = min(whole.lengths)
    if frames < need:
        said = ", ".join(f"{name} {least[name]}" for name in parts)
        raise ValueError(
            f"trajectories: {len(whole)}, too few for {dict(shares)}; and frames: {frames}, "
            f"too few to split them in time: {said} and gaps of {gaps} need {need}"
        )
    sizes = counts(frames - gaps, shares, least)
    found, first = {}, 0
    for name in parts:
        found[name] = Excerpt(whole, first, first + sizes[name])
        first += sizes[name] + gap
    return found
