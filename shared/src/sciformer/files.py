"""Files that are written whole or not at all, and JSON that every reader takes."""

import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any


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
