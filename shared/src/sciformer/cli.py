"""The command line of every project: Lightning's verbs plus its own, each imported when called."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.resources import files
from inspect import signature
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from sciformer.allowlist import TRUST, restrict, trust
from sciformer.config_errors import check_configs, complaint
from sciformer.errors import USAGE, one_line

LIGHTNING = "sciformer.training.lightning_cli:run"  # importing it costs some 4 CPU-seconds


@dataclass(frozen=True)
class Verb:
    """A command of a project that is not Lightning's.

    Args:
        call: The function, as ``package.file:function``; its signature and docstring become the
            options and their help.
        summary: One line for the list of verbs.
        fits: ``call`` takes the words after the verb and gives those of a fit, which then runs.
    """

    call: str
    summary: str
    fits: bool = False


@dataclass(frozen=True)
class Project:
    """What the command line and the demo have to know of a project.

    Args:
        name: Import name of the package; its configurations are ``configs/<name>/*.yaml``.
        summary: One line that says what it does.
        module: The LightningModule, as ``package.file:Class``.
        data: The LightningDataModule, as ``package.file:Class``.
        links: What the module takes from the data, as ``data.attribute: model.argument``.
        verbs: The project's own verbs by name.
    """

    name: str
    summary: str
    module: str
    data: str
    links: Mapping[str, str] = field(default_factory=dict)
    verbs: Mapping[str, Verb] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """What one types: the import name with dashes."""
        return self.name.replace("_", "-")


LIGHTNING_VERBS = {
    "fit": "train, with --config FILE.yaml and overrides such as --trainer.max_epochs 2",
    "validate": "the validation metrics of a checkpoint (--ckpt_path)",
    "test": "the test metrics of a checkpoint (--ckpt_path)",
    "predict": "run the network over the test data of a checkpoint (--ckpt_path)",
}


def run(project: Project, argv: Sequence[str] | None = None) -> None:
    """Run one verb of a project.

    Args:
        project: Whose command line this is.
        argv: The words after the command; ``None`` takes those of the process.

    Raises:
        SystemExit: With code 2 and one line on stderr where the input is at fault.
    """
    let_idle_threads_sleep()
    words = [spelled(word) for word in (sys.argv[1:] if argv is None else argv)]
    debug = "--debug" in words
    words = [shipped(project.name, word) for word in words if word != "--debug"]
    sys.argv[1:] = words  # LightningCLI warns if it is given other arguments than the process
    summaries = LIGHTNING_VERBS | {name: verb.summary for name, verb in project.verbs.items()}
    verb = _choose(project.command, project.summary, summaries, words)
    with one_line(f"{project.command} {verb}", debug):
        trust() if TRUST in words else restrict(project.module, project.data)
        check_configs(words)
        own = project.verbs.get(verb)
        if own and not own.fits:
            call(resolve(own.call), f"{project.command} {verb}", words[1:])
            return
        if own:
            sys.argv[1:] = resolve(own.call)(words[1:])
        resolve(LIGHTNING)(project)


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb of the core's own command, ``sciformer``."""
    let_idle_threads_sleep()
    verbs = {
        "demo": Verb(
            "sciformer.demo:demo", "quick run of every installed project, then one page of results"
        ),
        "verify": Verb("sciformer.data.verify:verify", "find every damaged byte of a data set"),
        "export": Verb("sciformer.training.export:export", "weights as safetensors, and back"),
    }
    words = [spelled(word) for word in (sys.argv[1:] if argv is None else argv)]
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    sys.argv[1:] = words
    summaries = {name: verb.summary for name, verb in verbs.items()}
    verb = _choose("sciformer", "Four transformer papers on one core.", summaries, words)
    with one_line(f"sciformer {verb}", debug):
        restrict()
        call(resolve(verbs[verb].call), f"sciformer {verb}", words[1:])


def let_idle_threads_sleep() -> None:
    """Have torch's threads sleep where they wait, unless the user has said otherwise.

    By default they spin: beside two busy neighbours on two cores, a step of a small network then
    takes 9 times its CPU time and 10 times as long. Read by OpenMP when torch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


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


def shipped(package: str, word: str) -> str:
    """Read ``configs/<package>/x.yaml`` from the wheel where there is no checkout."""
    flag, equals, path = word.rpartition("=")
    prefix = f"configs/{package}/"
    if not path.startswith(prefix) or Path(path).exists():
        return word
    inside = files(package) / "configs" / path.removeprefix(prefix)
    return f"{flag}{equals}{inside}" if inside.is_file() else word


class OneLineParser(ArgumentParser):
    """A parser that complains in one line, which names file, key and value, without usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise ValueError(complaint(message, sys.argv)) from ex


def _choose(command: str, summary: str, verbs: Mapping[str, str], words: Sequence[str]) -> str:
    if words and words[0] in verbs:
        return words[0]
    if words and words[0] not in ("-h", "--help"):
        known = ", ".join(verbs)
        sys.stderr.write(f"{command}: error: no verb {words[0]!r}; choose from {known}\n")
        sys.exit(USAGE)
    parser = argparse.ArgumentParser(command, description=summary)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    listing = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, text in verbs.items():
        listing.add_parser(name, help=text, add_help=False)
    parser.epilog = f"{command} VERB --help explains every option of a verb."
    parser.print_help()
    sys.exit(0 if words else USAGE)
