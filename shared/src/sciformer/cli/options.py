"""Command line options from a function's signature, and normalization of their spelling."""

import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from sciformer.cli.config_errors import complaint

COMMON = {  # options of every verb
    "debug": "Show the traceback of an error.",
    "quiet": "Print no progress bar, and nothing that is written to a file as well.",
}


class OneLineParser(ArgumentParser):
    """Parser with one-line errors that name file, key and value, without usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise ValueError(complaint(message, sys.argv, option_names(self))) from ex


def option_names(parser: ArgumentParser) -> list[str]:
    """Options of a parser and of its subcommands, without dashes."""
    inner = (action.choices for action in parser._actions)  # argparse has no public way
    parsers = [one for each in inner if isinstance(each, Mapping) for one in each.values()]
    own = [flag.removeprefix("--").removesuffix("+") for flag in parser._option_string_actions]
    return own + [name for one in parsers for name in option_names(one)]


def call(function: Callable[..., Any], command: str, words: Sequence[str], **given: Any) -> Any:
    """Call a function with options defined by its signature and docstring.

    Args:
        function: Function whose parameters become options; those without a default are positional.
        command: Prefix of error messages.
        words: Command line arguments after the command.
        **given: Arguments of the function that are no options.

    Returns:
        Return value of the function.

    Raises:
        ValueError: For an unknown option or an invalid value.
    """
    options = parser_of(function, command, given).parse_args(_flagged(function, words))
    for name in COMMON:
        del options[name]
    return function(**given, **vars(options))


def parser_of(function: Callable[..., Any], command: str, given: Collection[str]) -> OneLineParser:
    """Parser of the options of a function.

    Args:
        function: Function whose parameters become options.
        command: Prefix of error messages.
        given: Parameters that do not.

    Returns:
        The parser, with the options of every verb.
    """
    parser = OneLineParser(prog=command, allow_abbrev=False)
    for name, text in COMMON.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    parser.add_function_arguments(function, as_positional=True, skip=set(given))
    return parser


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


def with_class(words: Sequence[str], option: str) -> list[str]:
    """Accept ``OPTION package.Class`` for ``OPTION {class_path: package.Class}``.

    Args:
        words: Command line arguments.
        option: Name of the option, with its dashes.

    Returns:
        The arguments as jsonargparse reads them.
    """
    found = list(words)
    for place, (before, word) in enumerate(pairwise(["", *words])):
        name, equals, path = word.rpartition("=")
        if (name or before) == option and re.fullmatch(r"\w+(\.\w+)+", path):
            found[place] = f"{name}{equals}{{class_path: {path}}}"
    return found


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


def named(words: Sequence[str], names: Sequence[str]) -> list[str]:
    """Options for the bare words in front: ``--action=copy`` for ``copy``.

    A required argument has no name, and stays as it is.

    Args:
        words: Command line arguments after the command.
        names: Options that these words set, in order; empty for a required argument.

    Returns:
        The arguments, with all options named.
    """
    bare = list(takewhile(lambda word: not word.startswith("-"), words))[: len(names)]
    pairs = zip(names, bare, strict=False)
    set_ = [f"--{name}={word}" if name else word for name, word in pairs]
    return [*set_, *words[len(bare) :]]


def shipped(package: str, word: str) -> str:
    """Use ``configs/<package>/x.yaml`` from the installed package if there is no such file."""
    flag, equals, path = word.rpartition("=")
    prefix = f"configs/{package}/"
    if not path.startswith(prefix) or Path(path).exists():
        return word
    inside = configs_of(package) / path.removeprefix(prefix)
    return f"{flag}{equals}{inside}" if inside.is_file() else word


def configs_of(package: str) -> Path:
    """Folder of the configurations that a package ships; it need not exist."""
    spec = find_spec(package)
    return Path(str(spec and spec.origin)).parent / "configs"
