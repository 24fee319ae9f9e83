"""Text of others, made fit to be shown: on one line, without secrets or what steers a terminal."""

import re
from collections.abc import Mapping
from typing import Any

SECRET = "***"  # in place of what an address says of its user
# What stands in an address before the host (a user, a password, which may hold a slash), and after
# the path (tokens, signatures).
USER = re.compile(r"(?<=://)(?:[^\s/?#@'\"]*|[^\s/?#@:'\"]*:[^\s?#'\"]*)@")
QUERY = re.compile(r"(://[^\s?#'\"]*[?#])[^\s'\"]+")


def printable(text: str) -> str:
    """A text whose every character is seen: escapes and such as their codes.

    Args:
        text: Of any kind; its line breaks stay.

    Returns:
        The same, where all of it can be printed.
    """
    shown = (c if c.isprintable() or c == "\n" else _escaped(c) for c in text)
    return text if text.isprintable() else "".join(shown)


def single_line(text: str) -> str:
    """A printable text with its lines joined, which other libraries like to spread over many."""
    lines = (line.strip() for line in text.splitlines())
    return printable(" ".join(line for line in lines if line))


def reason(error: BaseException) -> str:
    """What an exception says, on one line, without secrets; its kind if it says nothing."""
    return without_secrets(" ".join(str(error).split())) or type(error).__name__


def without_secrets(text: str) -> str:
    """Hide users, passwords, tokens and signatures of the addresses in a text."""
    return QUERY.sub(rf"\1{SECRET}", USER.sub(f"{SECRET}@", text))


def hide_secrets(value: Any) -> Any:
    """A copy of settings, tables in lists in tables, with no secret in their texts."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, Mapping):
        return {key: hide_secrets(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(hide_secrets, value))
    return value


def _escaped(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode()
