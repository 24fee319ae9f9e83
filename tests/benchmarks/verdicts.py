"""When a ratio of two trees is credible: intervals without an assumption about the noise.

A generation is one fresh process per tree; its ratio is the median over rounds that alternate
between the two. Processes of the same code differ (where memory lies, what is aligned), so the
generations are what varies. An interval between order statistics of their ratios covers the true
median at the stated rate whatever its distribution is.
"""

from collections.abc import Sequence
from math import comb
from statistics import median

MISSED = 0.08  # of the intervals at most; 5 generations give 0.06 and 8, without the ends, 0.07
LIMITS = {"time": 1.10, "memory": 1.05}


def rank(count: int) -> int:
    """How many ratios to leave out at each end of ``count`` sorted ones."""
    left_out = 0
    while 2 * sum(comb(count, k) for k in range(left_out + 2)) / 2**count <= MISSED:
        left_out += 1
    return left_out


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """The interval of the median; of fewer than five ratios, from the least to the greatest."""
    ordered = sorted(ratios)
    left_out = rank(len(ordered))
    return ordered[left_out], ordered[-1 - left_out]


def suspect(ratios: Sequence[float], limit: float) -> bool:
    """Whether a first measurement calls for a second: more than halfway to the limit."""
    return median(ratios) > 1 + (limit - 1) / 2


def credible(ratios: Sequence[float], limit: float) -> bool:
    """Whether a second measurement, in fresh processes, confirms that a ratio is too large."""
    return interval(ratios)[0] > limit


def undecided(ratios: Sequence[float], limit: float, planned: int) -> bool:
    """Whether the rest of the planned ratios can still make it credible."""
    return sum(ratio <= limit for ratio in ratios) <= rank(planned)
