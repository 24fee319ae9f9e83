"""Files that are written whole or not at all, JSON that every reader takes, and what errors say."""

import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

UNFOLDS = 1032  # bytes that deflate can make of one byte, at most (RFC 1951: 258 of 2 bits)
DEEPEST = 64  # lists in lists; Python's own limit depends on who calls
SECRET = "***"  # in place of what an address says of its user
# What stands in an address before the host (a user, a password, which may hold a slash), and after
# the path (tokens, signatures).
USER = re.compile(r"(?<=://)(?:[^\s/?#@'\"]*|[^\s/?#@:'\"]*:[^\s?#'\"]*)@")
QUERY = re.compile(r"(://[^\s?#'\"]*[?#])[^\s'\"]+")


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and move it there when it is whole and on the disk.

    Args:
        path: Where the file shall be; its folder is made where missing.
        write: Called with the path to write to.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def check_writable(folder: str | Path, name: str) -> None:
    """See that files can be made in a folder, before long work ends at its door; make it if needed.

    Args:
        folder: Where results shall go.
        name: The option that named it.

    Raises:
        ValueError: If it is no folder or cannot be written to.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"{name}: cannot write to {folder}: {error.strerror}") from error


def to_json(content: Mapping[str, Any]) -> str:
    """Write an object as JSON, with ``null`` for NaN and infinities, which JSON has no word for."""
    return json.dumps(_plain(content), indent=2, allow_nan=False, default=str) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):  # numpy's too
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    return value


def from_json(text: str | bytes) -> Any:
    """Read JSON of others.

    Args:
        text: What a file holds.

    Returns:
        What it says.

    Raises:
        ValueError: If it is no JSON, lists in lists are too deep or a number has too many digits.
    """
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"not JSON of at most {DEEPEST} lists in lists") from error
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    level = [found]
    for _ in range(DEEPEST):
        level = [part for value in level for part in _parts(value)]
    if level:
        raise ValueError(f"not JSON of at most {DEEPEST} lists in lists")
    return found


def check_depth(text: str) -> None:
    """Refuse a text with far more open brackets than closed ones: a parser may take minutes."""
    depth = 0
    for mark in re.findall(r"[\[\]{}]", text):
        depth += 1 if mark in "[{" else -1
        if depth > DEEPEST:
            raise ValueError(f"more than {DEEPEST} lists in lists")


def read_json(path: Path, kind: type = dict) -> Any:
    """Read what was kept as JSON.

    Args:
        path: Of the file.
        kind: What it must be: a table of names and values, or a list.

    Returns:
        What it says.

    Raises:
        ValueError: Naming the file, if it is damaged.
    """
    try:
        found = from_json(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(found, kind):
        raise ValueError(f"{path}: a {type(found).__name__}, not a {kind.__name__}")
    return found


def _parts(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


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
