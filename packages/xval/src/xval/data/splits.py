"""Split texts into train, val and test by the hash of a label, or by date."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int64

from sciformer.data.splits import DRAWN, counts, split_by_id
from xval.data.dates import moment
from xval.data.sources import SPLITS

TRAIN, VAL, TEST, OOD = range(len(SPLITS))
DATE = "date"


def split_by_label(
    labels: Sequence[str], by: str, shares: Mapping[str, float]
) -> Int64[np.ndarray, " texts"]:
    """Assign each text to a split.

    Texts with the same label stay together. ``date`` splits chronologically: the first days train,
    the last ones test. Any other label is hashed.

    Args:
        labels: Label of each text.
        by: Name of the label.
        shares: Fractions of ``train``, ``val`` and ``test`` (of the days, if split by date).

    Returns:
        ``TRAIN``, ``VAL`` or ``TEST`` for each.

    Raises:
        ValueError: If a date cannot be parsed, or there are fewer labels than fractions above 0.
    """
    split = np.empty(len(labels), np.int64)
    if by == DATE:
        times = np.array([moment(label) for label in labels])
        days, day = np.unique(times, return_inverse=True)
        if shares.get(DRAWN):
            ends = np.cumsum([shares[SPLITS[kind]] for kind in (TRAIN, VAL)])
            return np.searchsorted(np.round(ends * len(days), 6), day, "right")
        sizes = counts(len(days), {name: shares[name] for name in SPLITS[:OOD]})
        return np.searchsorted(np.cumsum([*sizes.values()])[:-1], day, "right")
    for name, texts in split_by_id(labels, shares).items():
        split[texts] = SPLITS.index(name)
    return split
