"""Command line options from a function's signature, and normalization of their spelling."""

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
    """Parser with one-line errors that name file, key and value, without usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise ValueError(complaint(message, sys.argv)) from ex


def call(function: Callable[..., Any], command: str, words: Sequence[str]) -> Any:
    """Call a function with options defined by its signature and docstring.

    Args:
        function: Function whose parameters become options; those without a default are positional.
        command: Prefix of error messages.
        words: Command line arguments after the command.

    Returns:
        Return value of the function.

    Raises:
        ValueError: For an unknown option or an invalid value.
    """
    parser = OneLineParser(prog=command, description=(function.__doc__ or "").split("\n\n")[0])
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_function_arguments(function, as_positional=True)
    options = parser.parse_args(_flagged(function, words))
    del options["debug"]
    return function(**vars(options))


def _flagged(function: Callable[..., Any], words: Sequence[str]) -> list[str]:
    """Accept boolean options without a value, which jsonargparse requires."""
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
    """Option with underscores: ``--on-error`` and ``--on_error`` are the same."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.removeprefix("--").partition("=")
    return "--" + name.replace("-", "_") + equals + value


def present(words: Sequence[str], renamed: Mapping[str, str]) -> list[str]:
    """Replace former names of options.

    Args:
        words: Command line arguments after the command.
        renamed: Former name of an option -> present name.

    Returns:
        The arguments, for example ``--samples=7`` instead of ``--windows=7``.

    Raises:
        ValueError: If an option is given under both names.
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


def with_second(words: Sequence[str], name: str) -> list[str]:
    """Add the name of an option that may be given as the second word."""
    plain = name and len(words) > 1 and not any(word.startswith("--") for word in words[:2])
    return [words[0], f"--{name}={words[1]}", *words[2:]] if plain else list(words)


def shipped(package: str, word: str) -> str:
    """Use ``configs/<package>/x.yaml`` from the installed package if there is no such file."""
    flag, equals, path = word.rpartition("=")
    prefix = f"configs/{package}/"
    if not path.startswith(prefix) or Path(path).exists():
        return word
    inside = files(package) / "configs" / path.removeprefix(prefix)
    return f"{flag}{equals}{inside}" if inside.is_file() else word
