"""Strict JSON: no NaN when writing; limits of depth and size when reading untrusted files."""

import json
import math
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

DEEPEST = 64  # nested lists; Python's own limit depends on the call stack


def to_json(content: Mapping[str, Any]) -> str:
    """Write JSON with ``null`` in place of NaN and infinities, which JSON does not have."""
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
    """Parse untrusted JSON.

    Args:
        text: Content of a file.

    Returns:
        The parsed value.

    Raises:
        ValueError: If it is not JSON, nested too deeply, or has a number with too many digits.
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


def read_json(path: Path, kind: type = dict) -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        kind: Expected type: ``dict`` or ``list``.

    Returns:
        The parsed value.

    Raises:
        ValueError: Naming the file, if it is damaged or of another type.
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
