"""Samples as text, and how numbers and records are written."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from sciformer.arguments import ArgumentError


class Texts(NamedTuple):
    """Samples as text, and what they can be split by.

    Args:
        texts: One per sample.
        labels: Label -> its value for each sample. ``id`` is always there: samples of the same id
            are never on both sides of a split.
    """

    texts: list[str]
    labels: dict[str, list[str]]


def joined(parts: Iterable[Texts]) -> Texts:
    """Put samples with the same labels one after the other."""
    parts = list(parts)
    labels = {name: list(chain(*(p.labels[name] for p in parts))) for name in parts[0].labels}
    return Texts(list(chain(*(part.texts for part in parts))), labels)


def written(value: Any) -> str:
    """Write a value as the paper's texts do: a Python literal without spaces.

    Args:
        value: A mapping, a sequence, a string in quotes, or anything whose ``str`` is to be there
            as it is: a number, or a number that is written already (:class:`Verbatim`).

    Returns:
        The text.
    """
    if isinstance(value, Verbatim):
        return value.text
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join([f"{str(k)!r}:{written(v)}" for k, v in value.items()]) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join([written(each) for each in value]) + "]"
    return str(value)


class Verbatim(NamedTuple):
    """A number as somebody wrote it."""

    text: str


def significant(digits: int) -> str:
    """The format of a number with so many significant digits: ``"%.7g"``."""
    return f"%.{digits}g"


def check_digits(digits: int) -> None:
    """Raise an ArgumentError if float64 does not have so many significant digits."""
    if not 1 <= digits <= 15:
        raise ArgumentError("digits", f"{digits} is none of 1 to 15")
