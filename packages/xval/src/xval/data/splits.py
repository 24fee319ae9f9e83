"""Split texts into train, val and test by the hash of a label, or by date."""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from jaxtyping import Int64

from sciformer.arguments import ArgumentError
from sciformer.data.splits import DRAWN, counts, split_as_given, split_by_id
from xval.data.dates import moment
from xval.data.rows import SPLIT
from xval.data.sources import SPLITS, Source

TRAIN, VAL, TEST, OOD = range(len(SPLITS))
DATE = "date"

Labels = Mapping[str, Sequence[str]]
Split = Int64[np.ndarray, " texts"]


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


def split_texts(
    parts: Sequence[tuple[Source, Labels]], by: str, shares: Mapping[str, float]
) -> list[Split]:
    """Split of each text of each source; a label keeps its texts together in all of them.

    Args:
        parts: Sources and the labels of their texts.
        by: Name of the label, see ``split_by_label``; dates are split for each source.
        shares: Fractions of ``train``, ``val`` and ``test``.

    Returns:
        Index in ``SPLITS`` for each text, one more than these for a text in none.

    Raises:
        ArgumentError: If a label is missing, or a fraction above 0 would have no text.
    """
    found = [np.full(source.size, SPLITS.index(source.split or SPLITS[0])) for source, _ in parts]
    free = [number for number, (source, _) in enumerate(parts) if source.split is None]
    for number in free:
        check_label(*parts[number], by)
    alone = [number for number in free if by == DATE or SPLIT in parts[number][1]]
    shared = [number for number in free if number not in alone]
    for group in filter(None, [shared, *([number] for number in alone)]):
        labels = [parts[number][1] for number in group]
        try:
            split = _split(labels, by, shares)
        except ValueError as error:
            raise ArgumentError("splits", str(error)) from error
        ends = np.cumsum([len(each[by]) for each in labels])[:-1]
        for number, own in zip(group, np.split(split, ends), strict=True):
            found[number] = own
    return found


def _split(labels: Sequence[Labels], by: str, shares: Mapping[str, float]) -> Split:
    """Split of the texts of some sources, as their column ``split`` says, or by label."""
    names = list(chain(*(each[by] for each in labels)))
    if SPLIT not in labels[0]:
        return split_by_label(names, by, shares)
    given = labels[0][SPLIT]
    own = [f"{name} {word}" for name, word in zip(names, given, strict=True)]  # rows may repeat
    split = np.full(len(names), len(SPLITS))
    for name, texts in split_as_given(own, given, shares).items():
        split[texts] = SPLITS.index(name)
    return split


def check_label(source: Source, labels: Labels, by: str) -> None:
    """Check that texts have the label by which they are split."""
    if source.split is None and by not in labels:
        reason = f"{source.name}: no column or label {by!r}; labels are {', '.join(labels)}"
        raise ArgumentError("split_by", reason)
