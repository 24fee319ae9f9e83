"""Commands in forks of this process, which has imported everything: a fit starts in half a second.

What has to be told when a fork is at some point calls ``announce`` there.
"""

import os
import select
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

from sciformer.cli.main import run
from sciformer.cli.project import Project

HEARD, SAID = os.pipe()
os.set_blocking(HEARD, False)


def announce() -> None:
    """Say that it is time, if somebody is to be told."""
    os.write(SAID, b"!")


class Fork:
    """A command that runs by itself.

    Args:
        project: Whose command.
        words: After its name.
        log: File that gets what it says.
        variables: Of its environment, beside ours.
    """

    def __init__(self, project: Project, words: list[str], log: Path, **variables: str) -> None:
        with suppress(BlockingIOError):  # of one before that was not listened to
            os.read(HEARD, 1)
        self.log = log
        self.pid = os.fork()
        if not self.pid:
            os.environ.update(variables)
            os._exit(_run(project, words, log))
        self.code: int | None = None

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def heard(self) -> bool:
        """Wait until it announces something; whether it did, and did not end before."""
        while not select.select([HEARD], [], [], 0.01)[0]:
            if self.poll() is not None:
                return False
        os.read(HEARD, 1)
        return True

    def send(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, limit: float = 300.0) -> float:
        """Wait for its end; the seconds that this took. It is killed if it lasts too long."""
        start = time.monotonic()
        while self.poll() is None:
            if time.monotonic() - start > limit:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.001)
        return time.monotonic() - start


def _run(project: Project, words: list[str], log: Path) -> int:
    log.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.argv = [project.command]
    code = 0
    try:
        run(project, words)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # which shall not go on as if this were the process it was forked from
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code
