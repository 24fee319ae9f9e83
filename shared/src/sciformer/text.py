"""Text for messages: one line, printable, without passwords or tokens."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

SECRET = "***"  # replaces credentials in a URL
# Parts of a URL: user and password (which may hold a slash) before the host; the query (tokens,
# signatures) after the path.
USER = re.compile(r"(?<=://)(?:[^\s/?#@'\"]*|[^\s/?#@:'\"]*:[^\s?#'\"]*)@")
QUERY = re.compile(r"(://[^\s?#'\"]*[?#])[^\s'\"]+")


def printable(text: str) -> str:
    """Replace unprintable characters, such as terminal escapes, by their codes."""
    shown = (c if c.isprintable() or c == "\n" else _escaped(c) for c in text)
    return text if text.isprintable() else "".join(shown)


def single_line(text: str) -> str:
    """Join the lines of a text and make it printable."""
    lines = (line.strip() for line in text.splitlines())
    return printable(" ".join(line for line in lines if line))


def reason(error: BaseException) -> str:
    """Message of an exception on one line, without secrets; its type if it has no message."""
    return without_secrets(" ".join(str(error).split())) or type(error).__name__


def without_secrets(text: str) -> str:
    """Replace users, passwords, tokens and signatures in the URLs of a text by ``***``."""
    return QUERY.sub(rf"\1{SECRET}", USER.sub(f"{SECRET}@", text))


def hide_secrets(value: Any) -> Any:
    """Copy of nested settings with the secrets in their URLs replaced by ``***``."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, Mapping):
        return {key: hide_secrets(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(hide_secrets, value))
    return value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Question after a word that is not known, with the nearest known one; empty if none is near.

    Of dotted names, one with the same last part is nearest, then one that the word abbreviates,
    then one with a similar last part.

    Args:
        word: What the user wrote.
        known: Words that exist.

    Returns:
        Text to append to an error.
    """
    last = {each: each.rpartition(".")[2] for each in known}
    mine = word.rpartition(".")[2]
    similar = get_close_matches(mine, last.values(), 9)
    near = (
        [each for each, part in last.items() if part == mine]
        or [each for each in last if word and each.startswith(word)]
        or [each for each, part in last.items() if part in similar]
    )
    best = get_close_matches(word, near, 1, 0)
    return f"; did you mean {best[0]}?" if best else ""


def _escaped(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode()
