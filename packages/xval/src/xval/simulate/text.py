"""Texts of simulated samples, and how numbers and records are written."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from sciformer.arguments import ArgumentError


class Texts(NamedTuple):
    """Samples as text, with labels to split them by.

    Args:
        texts: One text per sample: a string, or one with named numbers (``xval.data.marked``).
        labels: Label -> value for each sample. ``id`` always exists: samples with equal ids are in
            the same split.
    """

    texts: list[Any]
    labels: dict[str, list[str]]


def joined(parts: Iterable[Texts]) -> Texts:
    """Concatenate samples that have the same labels."""
    parts = list(parts)
    labels = {name: list(chain(*(p.labels[name] for p in parts))) for name in parts[0].labels}
    return Texts(list(chain(*(part.texts for part in parts))), labels)


def written(value: Any) -> str:
    """Write a value as in the paper's texts: a Python literal without spaces.

    Args:
        value: Mapping, sequence, string (written in quotes), or anything else, written by ``str``:
            a number, or one that is already text (:class:`Verbatim`).

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
    """A number with its original spelling."""

    text: str


def significant(digits: int) -> str:
    """Format string for a number of significant digits: ``"%.7g"``."""
    return f"%.{digits}g"


def check_digits(digits: int) -> None:
    """Check that ``digits`` is 1 to 15, the significant digits of float64."""
    if not 1 <= digits <= 15:
        raise ArgumentError("digits", f"{digits} is none of 1 to 15")
