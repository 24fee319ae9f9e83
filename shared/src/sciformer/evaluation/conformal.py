"""Split conformal prediction: intervals from the errors on samples that were set aside."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

SHARE = 0.9  # of the true values that an interval holds
BINS, LEAST = 5, 100  # bins of predictions at most; samples set aside in each, at least

Values = Float[np.ndarray, " samples"]


def half_width(errors: Values, share: float = SHARE) -> float:
    """Half width of an interval that holds a share of the true values.

    The error of rank ``ceil((n + 1) share)`` of n. It holds for samples like those set aside.

    Args:
        errors: Absolute errors on samples that neither trained nor chose the network.
        share: Share of the true values inside.

    Returns:
        The half width; NaN if there are too few errors (for 90 %, 9 are needed).
    """
    rank = math.ceil((len(errors) + 1) * share)
    return float(np.sort(errors)[rank - 1]) if 0 < rank <= len(errors) else math.nan


def widening(low: Values, high: Values, truth: Values, share: float = SHARE) -> float:
    """How much wider to make predicted intervals on both sides, so that they hold a share.

    Conformalized quantile regression (Romano et al. 2019, arXiv 1905.03222): the rank of
    :func:`half_width` among the distances beyond the ends, which are negative inside.

    Args:
        low: Lower ends on samples that were set aside.
        high: Upper ends.
        truth: True values.
        share: Share of the true values inside.

    Returns:
        The widening, negative for intervals that hold too many; NaN if there are too few samples.
    """
    return half_width(np.maximum(low - truth, truth - high), share)


class Widths(NamedTuple):
    """Half widths of intervals in bins of a known number (Mondrian).

    Args:
        edges: Inner edges of the bins, ascending.
        widths: Half width in each bin; NaN if there were too few samples.
    """

    edges: Float[np.ndarray, " edges"]
    widths: Float[np.ndarray, " bins"]

    def at(self, numbers: Float[np.ndarray, " asked"]) -> Float[np.ndarray, " asked"]:
        """Half width for each sample, by the number that bins it."""
        return self.widths[np.searchsorted(self.edges, numbers, "right")]


def widths_by(numbers: Values, errors: Values, share: float = SHARE) -> Widths:
    """Half widths in bins, each from the errors of the samples in it (Mondrian).

    Bins hold equally many of the samples set aside: five bins, fewer if there are fewer than 100
    samples for each. In each bin the share of the true values inside is ``share``.

    Args:
        numbers: A number of each sample set aside that new ones have too, such as its prediction.
        errors: Absolute errors of the predictions for these samples.
        share: Share of the true values inside, in each bin.

    Returns:
        The half widths.
    """
    bins = min(BINS, max(1, len(numbers) // LEAST))
    edges = np.quantile(numbers, np.arange(1, bins) / bins) if bins > 1 else np.empty(0)
    own = np.searchsorted(edges, numbers, "right")
    widths = np.array([half_width(errors[own == one], share) for one in range(bins)])
    widths[np.isnan(widths)] = half_width(errors, share)  # a bin that equal predictions emptied
    return Widths(edges, widths)


def half_widths(
    answers: Values,
    errors: Values,
    asked: Float[np.ndarray, " asked"],
    share: float = SHARE,
) -> Float[np.ndarray, " asked"]:
    """Half widths for new predictions, each from the errors of similar ones (``widths_by``).

    Args:
        answers: Predictions for the samples set aside.
        errors: Their absolute errors.
        asked: New predictions.
        share: Share of the true values inside, in each bin.

    Returns:
        Half width of each new interval; NaN if there are too few samples.
    """
    return widths_by(answers, errors, share).at(asked)
