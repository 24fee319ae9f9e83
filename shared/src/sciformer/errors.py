"""One line for what a user can get wrong: on stderr, exit code 2, no traceback."""

import errno
import math
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from sciformer.files import check_depth, without_secrets

USAGE = 2  # bad input, named in one line
FAILED = 1  # the run itself failed, for example by a loss that is not finite
INTERRUPTED = 130  # 128 + SIGINT, as shells count
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room for a file, or for one so large
NODES = 100_000  # values of a configuration; a file of ten lines can unfold to billions
LONGEST = 800  # characters of a line; jsonargparse lists every type that a value might have had


@contextmanager
def one_line(command: str, debug: bool = False) -> Iterator[None]:
    """End the process with one line instead of a traceback when its input is at fault.

    ``ValueError`` and ``OSError`` are what bad input raises in this code base (exit code 2), and
    ``FloatingPointError``, ``ConnectionError`` and a full disk what a run raises that cannot go on
    (exit code 1). Anything else is a bug of ours and keeps its traceback. A warning is one line as
    well.

    Args:
        command: What the line starts with, for example ``contextual-counting fit``.
        debug: Show the traceback as well.

    Raises:
        SystemExit: With the exit codes above, or 130 after Ctrl-C.
    """

    def warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if not issubclass(category, DeprecationWarning):  # which is for developers
            text = without_secrets(single_line(str(message)))
            sys.stderr.write(f"{command}: warning: {text}\n")

    try:
        with warnings.catch_warnings():
            warnings.showwarning = warn
            yield
    except (FloatingPointError, ConnectionError) as error:
        sys.exit(_say(command, error, debug, FAILED))
    except (ValueError, OSError) as error:
        full = isinstance(error, OSError) and error.errno in FULL
        sys.exit(_say(command, error, debug, FAILED if full else USAGE))
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{command}: interrupted\n")
        sys.exit(INTERRUPTED)


def _say(command: str, error: Exception, debug: bool, code: int) -> int:
    if debug:
        sys.stderr.write(without_secrets("".join(traceback.format_exception(error))))
    text = _cause(str(error))
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    message = without_secrets(single_line(text)) or type(error).__name__
    if code == USAGE and len(message) > LONGEST:
        message = f"{message[: LONGEST // 2]} ... {message[-LONGEST // 2 :]}"
    sys.stderr.write(f"{command}: error: {message}\n")
    return code


def _cause(text: str) -> str:
    """What a loader's worker complained about, without the traceback that torch puts before it."""
    _, found, rest = text.partition("Original Traceback (most recent call last):")
    return rest.strip().splitlines()[-1].partition(": ")[2] if found else text


def single_line(text: str) -> str:
    """Join the lines of a message, which other libraries like to spread over many."""
    return re.sub(r"\s*\n\s*", " ", text.strip())


def check_configs(paths: Sequence[str]) -> None:
    """See that configuration files can be read, before any parser meets them.

    Args:
        paths: Of the files on the command line.

    Raises:
        ValueError: Naming the first file that cannot, and why.
    """
    for path in paths:
        try:
            text = Path(path).read_text(encoding="utf-8")
            check_depth(text)
            content = yaml.safe_load(text)
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: not a text file") from error
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise ValueError(f"{path}: not YAML: {single_line(str(error))}") from error
        if not isinstance(content, dict | None):
            raise ValueError(f"{path}: not a table of keys and values")
        if _nodes(content, {}) > NODES:
            raise ValueError(f"{path}: its aliases unfold to more than {NODES} values")


def where(message: str, configs: Sequence[str]) -> str:
    """Put the file, the key and its value in front of a parser's complaint.

    Args:
        message: What jsonargparse says, for example ``Parser key "model.dim": Expected ...``.
        configs: Paths of the configuration files on the command line, later ones win.

    Returns:
        The message, on one line.
    """
    for key in re.findall(r"[\w]+(?:\.\w+)+|(?<=key \")\w+|(?<=option ')\w+", message):
        for path in reversed(configs):
            given, value = _look_up(path, key)
            if given and (_says(message, value) or "not accept" in message):
                return f"{path}: {key}: {value!r}: {message}"
    return message


def blame(key: str, message: str, configs: Sequence[str]) -> str:
    """Put the file and the key in front of what a class says of its arguments.

    Args:
        key: Under which the arguments of the class lie: ``model`` or ``data``.
        message: The text of its ``ValueError``, which names an argument and its value.
        configs: Paths of the configuration files on the command line, later ones win.

    Returns:
        The message, on one line.
    """
    for path in reversed(configs):
        for name in re.findall(r"\w+", message):
            given, value = _look_up(path, f"{key}.{name}")
            if given and (isinstance(value, list | dict) or _says(message, value)):
                return f"{path}: {key}.{name}: {message}"
    return f"{key}: {message}"


def _says(message: str, value: Any) -> bool:
    """Whether a message holds a value, not only as a part of a longer word or number."""
    said = re.escape(str(value)) + r"(?:\.0)?" * (type(value) is int)  # which may be read as float
    return bool(re.search(rf"(?<![\w.-]){said}(?!\w|\.\d)", message))


def _nodes(node: Any, counted: dict[int, float]) -> float:
    """Values in a tree, where a part that aliases repeat counts each time; endless if in itself."""
    if not isinstance(node, dict | list):
        return 1.0
    if id(node) not in counted:
        counted[id(node)] = math.inf
        parts = node.values() if isinstance(node, dict) else node
        counted[id(node)] = 1 + sum(_nodes(part, counted) for part in parts)
    return counted[id(node)]


def _look_up(path: str, key: str) -> tuple[bool, Any]:
    node = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return False, None
        node = node[part]
    return True, node
