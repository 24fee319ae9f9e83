"""One entry of a list in a configuration: a table whose keys and values have types."""

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from sciformer.arguments import ArgumentError

Kinds = Mapping[str, Any]  # key of a table -> type of its value


def check_entry(said: Mapping[str, Any], known: Kinds, needed: str) -> None:
    """See that a table has the keys that it needs, no unknown ones, and values of their types.

    Args:
        said: The table; a value that is None is left out.
        known: Its keys, and the type of each: ``int``, ``list[str]``, ``dict[str, float]``.
        needed: The key that it cannot do without.

    Raises:
        ArgumentError: Naming the key at fault.
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
    """Whether a value that a YAML file may hold is of a type; a whole number is also a float."""
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
