"""What a command line, a YAML or a checkpoint may import: who names a class has it run."""

import os
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from jsonargparse import Namespace, set_parsing_settings

from sciformer.arguments import ArgumentError

GROUP = "sciformer.projects"  # the entry points by which projects are found
TRUST = "--trust"  # of Lightning's verbs, on the command line alone
LIBRARIES = ("lightning", "torch", "torchmetrics")


def restrict(*targets: str) -> None:
    """Let values name classes of known packages only, from here on in this process.

    jsonargparse imports what a value names and compares both this name and the place where the
    object was defined with the list, so that ``torch.os.system`` is one of ``os``.

    Args:
        *targets: Objects of the project at hand, as ``package.file:name``: its package is known.
    """
    named = [*targets, *(entry.value for entry in entry_points(group=GROUP))]
    ours = {"sciformer", *(target.partition(":")[0].partition(".")[0] for target in named)} - {""}
    set_parsing_settings(
        instantiate_subclass_spec_in_any=False,
        import_path_denylist=["*", *(f"{package}.__main__" for package in ours)],
        import_path_allowlist=[*LIBRARIES, *ours],
    )


def safe_environment() -> dict[str, str]:
    """The environment of a Python that imports nothing from the folder it is started in."""
    return {**os.environ, "PYTHONSAFEPATH": "1"}


def trust() -> None:
    """Let values name classes of any package, but of those that run programs or delete files."""
    set_parsing_settings(instantiate_subclass_spec_in_any=False, import_path_denylist=[])


def check_plain(key: str, value: Any) -> None:
    """See that a value is data and names no class.

    Args:
        key: What to call it in an error.
        value: Of an option of model or data, or what a checkpoint holds of it.

    Raises:
        ArgumentError: Naming the part that does.
    """
    for place, part in values(key, value):
        if names_class(part):
            raise ArgumentError(place, f"{part['class_path']!r}: no class is meant here, but data")


def values(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A value and all that it holds, each once and with the way to it, however deep or circular."""
    waiting, seen = [(key, value)], set()
    while waiting:
        key, value = waiting.pop()
        yield key, value
        parts: list[tuple[str, Any]] = []
        if isinstance(value, Namespace | dict):
            items = (vars(value) if isinstance(value, Namespace) else value).items()
            parts = [(f"{key}.{name}" if key else str(name), part) for name, part in items]
        elif isinstance(value, list | tuple | set):
            parts = [(f"{key}[{index}]", part) for index, part in enumerate(value)]
        if parts and id(value) not in seen:
            seen.add(id(value))
            waiting += reversed(parts)


def names_class(value: Any) -> bool:
    """Whether a value has the form by which a configuration names a class."""
    return isinstance(value, Namespace | dict) and "class_path" in value
