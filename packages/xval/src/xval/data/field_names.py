"""Names of the numbers in a text, from the keys and list positions around them.

``{'a':1,'data':[[2,3],[4]]}`` has the numbers ``a``, ``data.0.0``, ``data.0.1`` and ``data.1.0``. A
number after an equals sign outside all brackets is named ``=``: the result of ``2*3=6``. Numbers
with the same last key are one field, whatever their position in a list: ``a`` and ``data``.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

HOLE = "\0"  # where a number stands
EVENTS = re.compile(
    rf"""(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?P<colon>:)?|[{{}}\[\],={HOLE}]"""
)


def names_of(words: Sequence[str]) -> tuple[str, ...]:
    """Names of the numbers between pieces of text.

    Args:
        words: Pieces of a text, as returned by ``xval.encodings.numbers_in_text.cut``.

    Returns:
        One name per number; empty if it has none.
    """
    return _names(HOLE.join(word.replace(HOLE, " ") for word in words))


def field_of(name: str) -> str:
    """The field of a number: its last key."""
    keys = [part for part in name.split(".") if not part.isdigit()]
    return keys[-1] if keys else ""


def matches(pattern: str, name: str, field: str | None = None) -> bool:
    """Whether a pattern matches the name of a number.

    Args:
        pattern: A field, or a name in which ``*`` matches anything.
        name: Name of the number.
        field: Its field; None is that of a plain text.

    Returns:
        True if it matches.
    """
    return pattern in (name, field_of(name) if field is None else field) or fnmatchcase(
        name, pattern
    )


@lru_cache(1 << 12)  # texts of one set share their words
def _names(skeleton: str) -> tuple[str, ...]:
    found: list[str] = []
    place: list[str | int] = []  # the key or index in each bracket that is open
    behind = ""
    for event in EVENTS.finditer(skeleton):
        what = event[0]
        if holes := what.count(HOLE):  # several in a quoted text
            found += [".".join(map(str, place)) if place else behind] * holes
        if event["colon"] and place:
            place[-1] = event["string"][1:-1]
        elif what == "=":
            behind = what
        else:
            _move(place, what)
    return tuple(found)


def _move(place: list[str | int], what: str) -> None:
    """Update the position: enter a bracket, leave it, or go to the next list element."""
    if what in ("{", "["):
        place.append("" if what == "{" else 0)
    elif what in ("}", "]"):
        place[-1:] = []
    elif what == "," and place and isinstance(place[-1], int):
        place[-1] += 1
