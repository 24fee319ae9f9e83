"""Command line options from a function's signature, and their spelling."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.resources import files
from inspect import signature
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from sciformer.cli.config_errors import complaint


class OneLineParser(ArgumentParser):
    """A parser that complains in one line, which names file, key and value, without usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise ValueError(complaint(message, sys.argv)) from ex


def call(function: Callable[..., Any], command: str, words: Sequence[str]) -> Any:
    """Call a function with options that its signature and docstring define.

    Args:
        function: Whose parameters become options; those without a default come first, unnamed.
        command: What complaints start with.
        words: The command line after the verb.

    Returns:
        What the function returns.

    Raises:
        ValueError: For an option that does not exist or a value that does not fit.
    """
    parser = OneLineParser(prog=command, description=(function.__doc__ or "").split("\n\n")[0])
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_function_arguments(function, as_positional=True)
    options = parser.parse_args(_flagged(function, words))
    del options["debug"]
    return function(**vars(options))


def _flagged(function: Callable[..., Any], words: Sequence[str]) -> list[str]:
    """Let options that are off by default be given without the value that jsonargparse wants."""
    parameters = signature(function).parameters.items()
    off = {f"--{name}" for name, parameter in parameters if parameter.default is False}
    pairs = zip(words, [*words, ""][1:], strict=True)
    said = ("true", "false")
    return [f"{word}=true" if word in off and after not in said else word for word, after in pairs]


def resolve(target: str) -> Any:
    """Import the object that ``package.file:name`` names."""
    path, name = target.split(":")
    return getattr(import_module(path), name)


def spelled(word: str) -> str:
    """An option with underscores: ``--on-error`` and ``--on_error`` are the same."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.removeprefix("--").partition("=")
    return "--" + name.replace("-", "_") + equals + value


def present(words: Sequence[str], renamed: Mapping[str, str]) -> list[str]:
    """Options by their present names.

    Args:
        words: The command line after the verb.
        renamed: Former name of an option -> its present name.

    Returns:
        The same words, with ``--samples=7`` for ``--windows=7`` where it was renamed so.

    Raises:
        ValueError: If an option is given under two names.
    """
    found, given = [], []
    for word in words:
        name, equals, value = word.partition("=")
        name = f"--{renamed.get(name[2:], name[2:])}" if name.startswith("--") else name
        if name in given and name[2:] in renamed.values():
            former = ", ".join(f"--{old}" for old, new in renamed.items() if new == name[2:])
            raise ValueError(f"{name}: given twice; former names of it are {former}")
        given.append(name)
        found.append(name + equals + value)
    return found


def shipped(package: str, word: str) -> str:
    """Read ``configs/<package>/x.yaml`` from the wheel where there is no checkout."""
    flag, equals, path = word.rpartition("=")
    prefix = f"configs/{package}/"
    if not path.startswith(prefix) or Path(path).exists():
        return word
    inside = files(package) / "configs" / path.removeprefix(prefix)
    return f"{flag}{equals}{inside}" if inside.is_file() else word
