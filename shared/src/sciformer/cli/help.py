"""Help of every verb, from the source files of its functions, without importing torch."""

import argparse
import ast
import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sciformer.cli import fit_options
from sciformer.cli.options import COMMON
from sciformer.cli.project import Project, Verb
from sciformer.cli.signatures import NoSourceError, Parameter, literals, parameters, summary

WIDTH = 100  # columns; a narrower terminal wraps more lines
SHORT = 56  # characters of a shortened text
METAVARS = {"bool": "BOOL", "dict": "TABLE", "float": "NUMBER", "int": "INT", "str": "TEXT"}
MORE = "--help-all explains all options at length, with the others of Lightning's Trainer."


HELP, ALL = ("-h", "--help"), "--help_all"


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Formatter with choices and defaults, as wide as the terminal."""

    shortened = False

    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH)
        super().__init__(prog, max_help_position=32, width=width)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, known = action.help or "", []
        if self.shortened:
            text = textwrap.shorten(
                re.split(r"[;.] ", text)[0].rstrip("."), SHORT, placeholder="..."
            )
        if action.choices:
            known.append(f"one of {', '.join(action.choices)}")
        if action.default not in (None, False, argparse.SUPPRESS):
            known.append("default: %(default)s")
        return f"{text} ({'; '.join(known)})" if known else text


class Shortened(Formatter):
    """Formatter that cuts texts to their first words."""

    shortened = True


def explained(project: Project | None, name: str, verb: Verb | None, words: Sequence[str]) -> bool:
    """Show the help of a verb, if it is asked for.

    Args:
        project: The project; None for ``sciformer``.
        name: Name of the verb.
        verb: The verb, unless it is Lightning's.
        words: Command line arguments.

    Returns:
        Whether it was shown. It is not if no word asks for it, or if the source of a function or
        class cannot be found; the verb's own parser then shows its help.
    """
    own = verb is not None and not verb.fits
    if not {*HELP, *((ALL,) if own else ())} & {*words}:
        return False
    with suppress(NoSourceError):
        parser_of_verb(project, name, verb).print_help()
        return True
    return False


def listed(
    command: str,
    about: str,
    verbs: Mapping[str, str],
    parsers: Mapping[str, argparse.ArgumentParser] | None = None,
) -> argparse.ArgumentParser:
    """Parser that lists the verbs of a command.

    Args:
        command: The command.
        about: One line about it.
        verbs: Summary of each verb.
        parsers: Parsers of verbs with their options.

    Returns:
        A parser for help and completion.
    """
    parser = argparse.ArgumentParser(command, description=about, formatter_class=Formatter)
    parser.add_argument("--version", action="store_true", help="show versions and exit")
    parser.epilog = f"{command} VERB --help explains every option of a verb, with an example."
    listing = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, text in verbs.items():
        own = [parsers[name]] if parsers and name in parsers else []
        listing.add_parser(name, help=text, add_help=False, parents=own)
    return parser


def parser_of_verb(project: Project | None, name: str, verb: Verb | None) -> Any:
    """Parser of a verb, for help and completion; nothing heavy is imported.

    Args:
        project: The project; None for ``sciformer``.
        name: Name of the verb.
        verb: The verb, unless it is Lightning's.

    Returns:
        A parser.

    Raises:
        NoSourceError: If the source of the verb's function, or of module or data, cannot be found.
    """
    if verb is None or verb.fits:
        assert project is not None  # sciformer has no such verb
        return fit_parser(project, name)
    return own_parser(project, name, verb)


def own_parser(project: Project | None, name: str, verb: Verb) -> argparse.ArgumentParser:
    """Parser that explains a verb of our own."""
    command, package = (project.command, project.name) if project else ("sciformer", "")
    example = f"{command} {name} {verb.example.replace('{name}', package)}"
    options = [one for one in parameters(verb.call) if not one.name.startswith("project.")]
    words = [one.name.upper() for one in options if one.default is None]
    words += [f"[{name.upper()}]" for name in verb.bare if name]
    usage = " ".join([command, name, *words, "[options]"])
    parser = _parser(usage, summary(verb.call), example)
    for one in options:
        if one.default is None or one.name in verb.bare:
            place: dict[str, Any] = {"metavar": one.name, "nargs": "?" if one.default else None}
            parser.add_argument(one.name, **_settings(one) | place)
        elif ast.unparse(one.default) == "False":
            parser.add_argument(f"--{one.name}", action="store_true", help=_plain(one.text))
        else:
            parser.add_argument(f"--{one.name}", **_settings(one))
    for flag, text in COMMON.items():
        parser.add_argument(f"--{flag}", action="store_true", help=text)
    return parser


def fit_parser(project: Project, name: str) -> argparse.ArgumentParser:
    """Parser that explains fit, validate, test, predict, or a verb that translates to fit."""
    own = project.verbs.get(name)
    verb, words = (name, "") if own is None else ("fit", "CHECKPOINT ")
    example = own.example if own else fit_options.EXAMPLES[verb].format(name=project.name)
    about = own.summary if own else fit_options.SUMMARIES[verb]
    usage = f"{project.command} {name} {words}[--config FILE.yaml] [options]"
    parser = _parser(usage, about, f"{project.command} {name} {example}", MORE)
    linked = {*project.links.values(), *fit_options.LINKS.values()}
    for prefix, target in (("data", project.data), ("model", project.module)):
        group = parser.add_argument_group(f"{prefix}: {summary(target).rstrip('.')}")
        for one in parameters(target):
            if f"{prefix}.{one.name}" not in linked:
                group.add_argument(f"--{prefix}.{one.name}", **_settings(one))
    group = parser.add_argument_group("trainer: the main options of Lightning's Trainer")
    shown = fit_options.RUNNING | (fit_options.TRAINING if verb == "fit" else {})
    for option, text in shown.items():
        group.add_argument(f"--trainer.{option}", metavar="", help=text)
    group = parser.add_argument_group("the run")
    group.add_argument(
        "--config", metavar="FILE", help="Configuration, for what no later option says."
    )
    group.add_argument("--ckpt_path", metavar="FILE", help=fit_options.CHECKPOINT)
    group.add_argument("--print_config", action="store_true", help="Print all settings and exit.")
    fit_options.add_seed(group)
    fit_options.add_common(group, verb)
    return parser


def _parser(usage: str, about: str, example: str, more: str = "") -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        usage=usage,
        description=_plain(about),
        epilog=f"example:\n  {example.strip()}\n{more}",
        formatter_class=Shortened if more else Formatter,
        allow_abbrev=False,
        add_help=False,
    )


def _settings(one: Parameter) -> dict[str, Any]:
    """How an option looks in the help."""
    default = "None" if one.default is None else ast.unparse(one.default)
    if default in ("True", "False"):
        default = default.lower()
    return {
        "metavar": _metavar(one.type),
        "choices": list(dict.fromkeys(literals(one.type))) or None,
        "default": None if default == "None" else default.strip("'").replace("%", "%%"),
        "help": _plain(one.text).replace("%", "%%"),
    }


def _metavar(kind: ast.expr) -> str:
    """Kinds of value of an option: ``INT|LIST``."""
    if isinstance(kind, ast.BinOp):
        sides = [_metavar(side) for side in (kind.left, kind.right)]
        return "|".join(dict.fromkeys(side for side in sides if side))
    if isinstance(kind, ast.Constant):
        return ""
    name = ast.unparse(kind).partition("[")[0]
    return "NAME" if name == "Literal" else METAVARS.get(name, "LIST" if "ist" in name else "VALUE")


def _plain(text: str) -> str:
    return text.replace("``", "")
