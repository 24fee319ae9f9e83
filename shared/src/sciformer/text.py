"""Text for messages: one line, printable, without passwords or tokens."""

import re
from collections.abc import Mapping
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


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``1 window``, ``2 windows``, ``2 galaxies``."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


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


def _escaped(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode()
