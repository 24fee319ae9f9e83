"""Split conformal prediction: intervals from the errors on samples that were set aside."""

import math

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


def half_widths(
    answers: Values,
    errors: Values,
    asked: Float[np.ndarray, " asked"],
    share: float = SHARE,
) -> Float[np.ndarray, " asked"]:
    """Half widths for new predictions, each from the errors of similar ones (Mondrian).

    Bins of the prediction hold equally many of the samples set aside: five bins, fewer if there are
    fewer than 100 samples for each.

    Args:
        answers: Predictions for the samples set aside.
        errors: Their absolute errors.
        asked: New predictions.
        share: Share of the true values inside, in each bin.

    Returns:
        Half width of each new interval; NaN if there are too few samples.
    """
    bins = min(BINS, max(1, len(answers) // LEAST))
    edges = np.quantile(answers, np.arange(1, bins) / bins) if bins > 1 else np.empty(0)
    own = np.searchsorted(edges, answers, "right")
    widths = np.array([half_width(errors[own == one], share) for one in range(bins)])
    widths[np.isnan(widths)] = half_width(errors, share)  # a bin that equal predictions emptied
    return widths[np.searchsorted(edges, asked, "right")]
