"""Texts whose numbers have names: parsed from plain text, or written from a record."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from xval.data.field_names import field_of, names_of
from xval.encodings.numbers_in_text import Cut, cut
from xval.encodings.special_tokens import MASK, SPECIAL
from xval.simulate.text import Verbatim, written

HOLE = SPECIAL[MASK]  # stands for a number that is to be filled


class Marked(NamedTuple):
    """A text cut into words and numbers.

    Args:
        cut: The words and numbers; a number to be filled is ``HOLE``.
        names: Name of each number.
        fields: Field of each number: its column in a table.
    """

    cut: Cut
    names: tuple[str, ...]
    fields: tuple[str, ...]


def marked(text: "str | Marked") -> Marked:
    """Find the numbers of a plain text, and name them by the keys and positions around them."""
    if isinstance(text, Marked):
        return text
    return _named(cut(text))


def with_holes(text: str) -> Marked:
    """Find the numbers of a plain text in which ``[MASK]`` stands for numbers."""
    parts = [cut(part) for part in text.split(HOLE)]
    numbers = [number for part in parts for number in [*part.numbers, HOLE]][:-1]
    return _named(Cut([word for part in parts for word in part.words], numbers))


def _named(there: Cut) -> Marked:
    names = names_of(there.words)
    return Marked(there, names, tuple(map(field_of, names)))


def record(values: Mapping[str, Any], prose: Collection[str] = ()) -> Marked:
    """Write a record as a Python literal without spaces. Only its numbers are numbers.

    Args:
        values: Key -> number as written (``Verbatim``), text, list or mapping.
        prose: Keys of texts in which numbers are found as well.

    Returns:
        The text; the field of a number is its last key, whatever that holds.
    """
    writing = _Writing(prose)
    writing.value(values, ())
    names = (".".join(map(str, path)) for path in writing.paths)
    fields = ([key for key in path if isinstance(key, str)][-1] for path in writing.paths)
    return Marked(Cut([*writing.words, writing.text], writing.numbers), tuple(names), tuple(fields))


class _Writing:
    """A record as far as it is written."""

    def __init__(self, prose: Collection[str]) -> None:
        self.prose = prose
        self.words: list[str] = []
        self.numbers: list[str] = []
        self.paths: list[tuple[str | int, ...]] = []
        self.text = ""  # behind the last number

    def value(self, value: Any, path: tuple[str | int, ...]) -> None:
        if isinstance(value, Verbatim):
            self.number(value.text, path)
        elif isinstance(value, Mapping):
            self.text += "{"
            for index, (key, each) in enumerate(value.items()):
                self.text += f"{',' if index else ''}{str(key)!r}:"
                self.value(each, (*path, str(key)))
            self.text += "}"
        elif isinstance(value, Sequence) and not isinstance(value, str):
            self.text += "["
            for index, each in enumerate(value):
                self.text += "," if index else ""
                self.value(each, (*path, index))
            self.text += "]"
        elif isinstance(value, str) and path[-1] in self.prose:
            there = cut(written(value))
            for word, number in zip(there.words, there.numbers, strict=False):
                self.text += word
                self.number(number, path)
            self.text += there.words[-1]
        else:
            self.text += written(value)

    def number(self, number: str, path: tuple[str | int, ...]) -> None:
        self.words.append(self.text)
        self.numbers.append(number)
        self.paths.append(path)
        self.text = ""
