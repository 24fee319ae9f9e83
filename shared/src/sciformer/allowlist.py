"""Allowlist of importable classes: naming a class in a YAML or checkpoint runs its code."""

import os
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from jsonargparse import Namespace, set_parsing_settings

from sciformer.arguments import ArgumentError

GROUP = "sciformer.projects"  # entry points of the projects
TRUST = "--trust"  # option of fit, validate, test and predict; command line only
LIBRARIES = ("lightning", "torch", "torchmetrics")


def restrict(*targets: str) -> None:
    """Allow values to name classes of known packages only, from here on in this process.

    jsonargparse checks both the name and the module that defines the object, so ``torch.os.system``
    counts as ``os``.

    Args:
        *targets: Objects of the current project, as ``package.file:name``; its package is allowed.
    """
    named = [*targets, *(entry.value for entry in entry_points(group=GROUP))]
    ours = {"sciformer", *(target.partition(":")[0].partition(".")[0] for target in named)} - {""}
    set_parsing_settings(
        instantiate_subclass_spec_in_any=False,
        import_path_denylist=["*", *(f"{package}.__main__" for package in ours)],
        import_path_allowlist=[*LIBRARIES, *ours],
    )


def safe_environment() -> dict[str, str]:
    """Environment for a Python process that imports nothing from its working directory."""
    return {**os.environ, "PYTHONSAFEPATH": "1"}


def trust() -> None:
    """Allow classes of any package, except those that run programs or delete files."""
    set_parsing_settings(instantiate_subclass_spec_in_any=False, import_path_denylist=[])


def check_plain(key: str, value: Any) -> None:
    """Check that a value is plain data and names no class.

    Args:
        key: Name of the value in an error.
        value: Option of model or data, or its value in a checkpoint.

    Raises:
        ArgumentError: Naming the part that names a class.
    """
    for place, part in values(key, value):
        if names_class(part):
            raise ArgumentError(place, f"{part['class_path']!r}: no class is meant here, but data")


def values(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Iterate over a nested value and all its parts, each once, with its path; cycles are safe."""
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
    """Whether a value has the form by which a configuration names a class (``class_path``)."""
    return isinstance(value, Namespace | dict) and "class_path" in value
