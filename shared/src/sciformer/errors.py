"""One-line error messages and exit codes of the command line."""

import errno
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sciformer.text import single_line, without_secrets

USAGE = 2  # bad input
FAILED = 1  # the run itself failed, for example by a loss that is not finite
INTERRUPTED = 130  # 128 + SIGINT, as shells count
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota or file size limit reached
LONGEST = 800  # characters of a message; jsonargparse lists every accepted type


@contextmanager
def one_line(command: str, debug: bool = False) -> Iterator[None]:
    """Turn exceptions into a one-line message and an exit code.

    ``ValueError`` and ``OSError`` mean bad input (exit code 2). ``FloatingPointError``,
    ``ConnectionError`` and a full disk mean that the run failed (exit code 1). Anything else is a
    bug and keeps its traceback. Warnings become one line as well.

    Args:
        command: Prefix of the message, for example ``contextual-counting fit``.
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
    """Message of an error in a DataLoader worker, without torch's copy of the traceback."""
    _, found, rest = text.partition("Original Traceback (most recent call last):")
    return rest.strip().splitlines()[-1].partition(": ")[2] if found else text
