"""Group texts with the same number names into tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64

from xval.data.marked import Marked, marked
from xval.data.sources import Source

if TYPE_CHECKING:
    from xval.data.datamodule import TextData


class Group(NamedTuple):
    """A table with a row per text and a column per number.

    Args:
        names: Names of the columns.
        fields: Their fields.
        texts: Indices of the texts in the corpus.
        values: Values of the table.
        asked: Target pattern of each column; -1 for none.
        places: Positions of the target numbers among those of all texts.
    """

    names: tuple[str, ...]
    fields: tuple[str, ...]
    texts: Int64[np.ndarray, " texts"]
    values: Float32[np.ndarray, "texts numbers"]
    asked: Int64[np.ndarray, " numbers"]
    places: Int64[np.ndarray, "texts asked"]

    @property
    def key(self) -> tuple[tuple[str, ...], bytes]:
        """Equal for tables with the same columns."""
        return self.names, self.hidden.tobytes()

    @property
    def hidden(self) -> Bool[np.ndarray, " numbers"]:
        """Mask of target columns."""
        return self.asked >= 0


def groups(data: "TextData", texts: Int64[np.ndarray, " texts"]) -> list[Group]:
    """Group texts into tables.

    Args:
        data: Data after ``setup``.
        texts: Indices of the texts in the corpus.

    Returns:
        Tables, in the order of their first texts.
    """
    corpus = data.corpus
    assert corpus is not None
    starts, counts = corpus.number_starts, corpus.counts
    rows: dict[tuple[bytes, bytes], list[int]] = {}
    for row, text in enumerate(texts.tolist()):
        own = slice(starts[text], starts[text + 1])
        key = corpus.fields[own].tobytes(), corpus.asked[own].tobytes()
        rows.setdefault(key, []).append(row)
    running = np.concatenate([[0], np.cumsum(corpus.asked > 0)])
    per_text = running[starts[texts] + counts[texts]] - running[starts[texts]]
    before = np.cumsum(per_text) - per_text
    found = []
    for chosen in rows.values():
        mine = texts[chosen]
        columns = starts[mine][:, None] + np.arange(int(counts[mine[0]]))
        asked = corpus.asked[columns[0]].astype(np.int64) - 1
        places = before[chosen][:, None] + np.arange(np.count_nonzero(asked >= 0))
        text = text_of(data, int(mine[0]))
        found.append(Group(text.names, text.fields, mine, corpus.values[columns], asked, places))
    return found


def text_of(data: "TextData", text: int) -> Marked:
    """A text in its original form, with the names of its numbers.

    Args:
        data: Data after ``setup``.
        text: Index in the corpus.

    Returns:
        The text.
    """
    source, first = _source(data, text)
    return marked(source.texts(text - first, text - first + 1).texts[0])


def labels_of(
    data: "TextData", texts: Int64[np.ndarray, " texts"], names: Sequence[str]
) -> dict[str, list[str]]:
    """Labels of texts.

    Args:
        data: Data after ``setup``.
        texts: Indices in the corpus.
        names: Names of the labels.

    Returns:
        Labels that all of the texts have.
    """
    found: dict[str, dict[int, str]] = {name: {} for name in names}
    first = 0
    for source in data.sources:
        mine = texts[(texts >= first) & (texts < first + source.size)]
        if len(mine):
            low, high = int(mine.min()) - first, int(mine.max()) - first + 1
            labels = source.texts(low, high).labels
            for name in names:
                if name in labels:
                    found[name] |= {n: labels[name][n - first - low] for n in mine.tolist()}
        first += source.size
    whole = {name: each for name, each in found.items() if len(each) == len(set(texts.tolist()))}
    return {name: [each[text] for text in texts.tolist()] for name, each in whole.items()}


def _source(data: "TextData", text: int) -> tuple[Source, int]:
    """Source of a text, and the index of the source's first text."""
    first = 0
    for source in data.sources:
        if text < first + source.size:
            return source, first
        first += source.size
    raise AssertionError(text)
