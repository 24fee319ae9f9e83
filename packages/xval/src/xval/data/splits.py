"""Which texts train, validate and test: by a hash of a label, or by date."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int64

from sciformer.data.splits import split_by_id
from xval.data.dates import moment
from xval.data.sources import SPLITS

TRAIN, VAL, TEST, OOD = range(len(SPLITS))
DATE = "date"


def split_by_label(
    labels: Sequence[str], by: str, shares: Mapping[str, float]
) -> Int64[np.ndarray, " texts"]:
    """The split of each text.

    Texts of one label stay together. ``date`` splits in the order of time: the first days train,
    the last ones test. Any other label splits by a hash of itself.

    Args:
        labels: Of the texts.
        by: What they are.
        shares: Expected share of ``train``, ``val`` and ``test``; of the days, if by date.

    Returns:
        ``TRAIN``, ``VAL`` or ``TEST`` for each.

    Raises:
        ValueError: If a date is none, or the shares are no shares.
    """
    split = np.empty(len(labels), np.int64)
    if by == DATE:
        times = np.array([moment(label) for label in labels])
        days, day = np.unique(times, return_inverse=True)
        ends = np.cumsum([shares[SPLITS[kind]] for kind in (TRAIN, VAL)])
        return np.searchsorted(np.round(ends * len(days), 6), day, "right")
    for name, texts in split_by_id(labels, shares).items():
        split[texts] = SPLITS.index(name)
    return split
