"""One line for what a user can get wrong: on stderr, exit code 2, no traceback."""

import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

USAGE = 2  # bad input, named in one line
FAILED = 1  # the run itself failed, for example by a loss that is not finite
INTERRUPTED = 130  # 128 + SIGINT, as shells count


@contextmanager
def one_line(command: str, debug: bool = False) -> Iterator[None]:
    """End the process with one line instead of a traceback when its input is at fault.

    ``ValueError`` and ``OSError`` are what bad input raises in this code base (exit code 2), and
    ``FloatingPointError`` what a run raises that cannot go on (exit code 1). Anything else is a
    bug of ours and keeps its traceback.

    Args:
        command: What the line starts with, for example ``contextual-counting fit``.
        debug: Show the traceback as well.

    Raises:
        SystemExit: With the exit codes above, or 130 after Ctrl-C.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        sys.exit(_say(command, error, debug, USAGE))
    except FloatingPointError as error:
        sys.exit(_say(command, error, debug, FAILED))
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{command}: interrupted\n")
        sys.exit(INTERRUPTED)


def _say(command: str, error: Exception, debug: bool, code: int) -> int:
    if debug:
        traceback.print_exception(error)
    sys.stderr.write(f"{command}: error: {single_line(str(error))}\n")
    return code


def single_line(text: str) -> str:
    """Join the lines of a message, which other libraries like to spread over many."""
    return re.sub(r"\s*\n\s*", " ", text.strip())


def where(message: str, configs: Sequence[str]) -> str:
    """Put the file, the key and its value in front of a parser's complaint.

    Args:
        message: What jsonargparse says, for example ``Parser key "model.dim": Expected ...``.
        configs: Paths of the configuration files on the command line, later ones win.
    """
    for path in configs:
        fault = _unreadable(path)
        if fault:
            return f"{path}: {fault}"
    for key in re.findall(r"[\w]+(?:\.\w+)+|(?<=key \")\w+|(?<=option ')\w+", message):
        for path in reversed(configs):
            given, value = _look_up(path, key)
            if given and (str(value) in message or "not accept" in message):
                return f"{path}: {key}: {value!r}: {message}"
    return message


def blame(key: str, message: str, configs: Sequence[str]) -> str:
    """Put the file and the key in front of what a class says of its arguments.

    Args:
        key: Under which the arguments of the class lie: ``model`` or ``data``.
        message: The text of its ``ValueError``, which names an argument and its value.
        configs: Paths of the configuration files on the command line, later ones win.
    """
    for path in reversed(configs):
        for name in re.findall(r"\w+", message):
            given, value = _look_up(path, f"{key}.{name}")
            if given and (isinstance(value, list | dict) or str(value) in message):
                return f"{path}: {key}.{name}: {message}"
    return f"{key}: {message}"


def _unreadable(path: str) -> str:
    """Why a configuration file cannot be read, or nothing."""
    try:
        yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        return error.strerror or "cannot be read"
    except UnicodeDecodeError:
        return "not a text file"
    except yaml.YAMLError as error:
        return f"not YAML: {single_line(str(error))}"
    return ""


def _look_up(path: str, key: str) -> tuple[bool, Any]:
    node = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return False, None
        node = node[part]
    return True, node
