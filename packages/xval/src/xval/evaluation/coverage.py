"""What intervals and quantiles are worth: coverage, width, continuous ranked probability score."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64

from xval.nn.intervals import Spread
from xval.nn.quantile_loss import crps

ROUNDING = 1e-6  # relative; an exact copy has an interval without width


class Coverage(NamedTuple):
    """Figures of a set of distributions.

    Args:
        coverage: Share of the true values inside the intervals.
        width: Mean width of the intervals, in units of the truth.
        crps: Mean continuous ranked probability score, in units of the truth; that of an answer
            without a distribution would be its absolute error.
    """

    coverage: float
    width: float
    crps: float


def coverage(spread: Spread, truth: Float64[np.ndarray, " answers"]) -> Coverage | None:
    """Compare distributions with the truth.

    Args:
        spread: Distributions; NaN where there is none.
        truth: True values.

    Returns:
        The figures of those that there are; None if there are none.
    """
    there = ~np.isnan(spread.low + spread.high)
    if not there.any():
        return None
    low, _, high, quantiles = (part[there] for part in spread)
    truth = truth[there]
    slack = ROUNDING * np.abs(truth)
    inside = (truth >= low - slack) & (truth <= high + slack)
    score = crps(torch.from_numpy(quantiles), torch.from_numpy(truth))
    return Coverage(float(inside.mean()), float((high - low).mean()), score.mean().item())
