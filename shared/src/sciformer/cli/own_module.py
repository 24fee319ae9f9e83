"""A LightningModule of one's own in place of a project's: ``--model my_package.MyModule``."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from inspect import isclass
from typing import Any

from sciformer.allowlist import TRUST
from sciformer.cli.config_errors import SUFFIXES, config_paths, read_config
from sciformer.cli.options import resolve
from sciformer.cli.project import Project

CLASS = "class_path"  # key of a configuration's ``model``, beside the arguments
OPTION = "--model"


def with_own_module(project: Project, words: Sequence[str]) -> tuple[Project, list[str]]:
    """Replace the module of a project by the class that a command line or its files name.

    The class is imported, so that its checkpoints open as what they are.

    Args:
        project: The project.
        words: Command line arguments.

    Returns:
        The project with that class, and the arguments without its name.

    Raises:
        ValueError: If there is no such class, if it is none of the project's module, or if a file
            names it without ``--trust``.
    """
    named = list(_named(words))
    left = [word for number, word in enumerate(words) if all(number not in at for at, _ in named)]
    models = {file: read_config(file).get("model") for file in config_paths(words)}
    in_files = [
        (f"{file}: model.{CLASS}", str(model[CLASS]))
        for file, model in models.items()
        if isinstance(model, dict) and CLASS in model
    ]
    found = [*in_files, *((OPTION, path) for _, path in named)]
    if not found:
        return project, left
    where, path = found[-1]
    if where != OPTION and path != _path(project) and TRUST not in words:
        raise ValueError(f"{where}: {path!r} is not ours ({TRUST} allows it in files of your own)")
    return replace(project, module=_checked(project, where, path)), left


def _named(words: Sequence[str]) -> Iterator[tuple[set[int], str]]:
    """Places and values of ``--model package.Class``; a file or a table is no class."""
    for number, word in enumerate(words):
        name, equals, value = word.partition("=")
        after = words[number + 1] if number + 1 < len(words) else ""
        path = value if equals else after
        if name == OPTION and re.fullmatch(r"\w+(\.\w+)+", path) and not path.endswith(SUFFIXES):
            yield ({number} if equals else {number, number + 1}), path


def _checked(project: Project, where: str, path: str) -> str:
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(module), name, None)
    except ImportError as error:
        raise ValueError(f"{where}: {path!r}: {error}") from error
    if not isclass(kind) or not issubclass(kind, resolve(project.module)):
        raise ValueError(f"{where}: {path!r} is no subclass of {_path(project)}")
    return f"{module}:{name}"


def _path(project: Project) -> str:
    return project.module.replace(":", ".")


def class_of(project: Project) -> dict[str, str]:
    """Entry of a configuration that names a module of one's own; empty for the project's own."""
    path = _path(project)
    return {} if path.partition(".")[0] == project.name else {CLASS: path}


def without_class(model: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the module in a configuration, without the name of its class."""
    return {name: value for name, value in model.items() if name != CLASS}
