"""Validate an entry of a list in a configuration: required keys and types of values."""

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from sciformer.arguments import ArgumentError

Kinds = Mapping[str, Any]  # key of a table -> type of its value


def check_entry(said: Mapping[str, Any], known: Kinds, needed: str) -> None:
    """Check that a table has the required key, no unknown keys, and values of the right types.

    Args:
        said: Table to check; values that are None are ignored.
        known: Allowed keys, and the type of each: ``int``, ``list[str]``, ``dict[str, float]``.
        needed: Required key.

    Raises:
        ArgumentError: Naming the invalid key.
    """
    names = ", ".join(sorted(known))
    for name, value in said.items():
        if name not in known:
            raise ArgumentError(str(name), f"no such key; there are {names}")
        if value is not None and not _fits(value, known[name]):
            wanted = known[name] if get_origin(known[name]) else known[name].__name__
            raise ArgumentError(name, f"{value!r} is no {wanted}")
    if said.get(needed) is None:
        raise ArgumentError(needed, f"missing; {dict(said)} needs it")


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value from a YAML file has a type; an integer is also accepted as float."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is list:
        return isinstance(value, list | tuple) and all(_fits(one, inner[0]) for one in value)
    if origin is dict:
        pairs = value.items() if isinstance(value, Mapping) else [(None, None)]
        return all(_fits(name, inner[0]) and _fits(one, inner[1]) for name, one in pairs)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is Any:
        return True
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
