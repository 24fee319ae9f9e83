"""Check an HDF5 file in a child process, because damaged files can crash libhdf5.

Such crashes or endless loops cannot be caught. So a child with limited time and memory first visits
all links, shapes and attributes. This file is also the script of the child: it reads paths as JSON
lines on stdin and answers on stdout. On Windows nothing limits it, but a crash is still its own.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import h5py
from h5py import h5a, h5d, h5l, h5o  # pyright: ignore[reportAttributeAccessIssue]  # compiled

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None

SECONDS = 1.0  # CPU time for a small file,
RATE = 3e6  # and bytes for each second more: 10,000 groups of PDEBench are walked over at 8e6
LONGEST = 60.0  # seconds
MEMORY = 3 * 2**27  # address space for a file, beyond what Python and HDF5 have taken
IDLE = 10  # seconds after which the child ends by itself; the next question starts another one
ROWS = 2**16  # texts that are read at once
READY = "ready"
OPEN: dict[type, Any] = {h5py.h5g.GroupID: h5py.Group, h5d.DatasetID: h5py.Dataset}
# What h5py says of a part of a file that is damaged; who reads this part will hear it again.
SAID = (RuntimeError, OSError, KeyError, TypeError, ValueError, OverflowError)


class Probe:
    """Child process, started on first use and again after a file that crashes it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None
        self._owner = 0
        self._lock = Lock()

    def ask(self, path: Path) -> str:
        """Check a file in the child process.

        Args:
            path: The file.

        Returns:
            Description of the error; empty if there is none.
        """
        if self._owner != os.getpid():  # a fork shares neither the child nor a lock that is held
            self._child, self._owner, self._lock = None, os.getpid(), Lock()
        with self._lock:
            while True:
                if self._child is None:
                    self._child = _start()
                answer = _exchange(self._child, json.dumps(str(path.absolute())))
                if answer:
                    return json.loads(answer)
                code, self._child = self._child.wait(), None
                if not _ended_by(code, "SIGALRM"):  # which only says that it was idle
                    break
        loops = _ended_by(code, "SIGPROF")
        return f"damaged: HDF5 {'does not come to an end' if loops else f'crashes ({code})'}"


def _ended_by(code: int, name: str) -> bool:
    """Whether a process was ended by a signal; Windows does not have all of them."""
    return hasattr(signal, name) and code == -getattr(signal, name)


def _start() -> subprocess.Popen[str]:
    paths = os.pathsep.join(path for path in sys.path if path)  # where h5py was found
    child = subprocess.Popen(
        [sys.executable, "-P", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert child.stdout is not None
    if child.stdout.readline().strip() != READY:
        raise OSError(f"the process that looks at HDF5 files ended with code {child.wait()}")
    return child


def _exchange(child: subprocess.Popen[str], question: str) -> str:
    """Send a line and return the answer; empty if the child has ended."""
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError):
        child.stdin.write(question + "\n")
        child.stdin.flush()
    return child.stdout.readline()


def look(path: str) -> str:
    """Visit all objects of a file.

    Args:
        path: The file.

    Returns:
        Description of the error (not HDF5, damaged links, or links to another file); empty if there
        is none.
    """
    try:
        file = h5py.File(path, "r", locking=False)
    except Exception as error:  # h5py passes on what libhdf5 says as any of a dozen kinds
        return f"{'truncated' if 'truncated' in str(error) else 'not HDF5'}: {_line(error)}"
    try:
        with file:
            links: list[tuple[bytes, int]] = [(b"/", h5l.TYPE_HARD)]
            file.id.links.visit(lambda name, info: links.append((name, info.type)), info=True)
            for name, kind in links:
                _walk(file, name, kind)
    except ElsewhereError as error:
        return str(error)
    except Exception as error:  # as above
        return f"damaged: {_line(error)}"
    return ""


class ElsewhereError(Exception):
    """A part of the file is stored in another file."""

    def __init__(self, name: bytes, what: str) -> None:
        text = name.decode(errors="replace")
        super().__init__(f"{text}: {what}; only what is in the file itself is read")


def _walk(file: h5py.File, name: bytes, kind: int) -> None:
    """Check an object and its attributes; strings are read, as they are in a separate heap."""
    if kind == h5l.TYPE_SOFT:
        return  # another name of what has one
    if kind != h5l.TYPE_HARD:
        raise ElsewhereError(name, "a link to another file")
    found = None
    with suppress(*SAID):
        found = h5o.open(file.id, name)
        if isinstance(found, h5d.DatasetID):
            settings = found.get_create_plist()
            if settings.get_layout() == h5d.VIRTUAL:
                raise ElsewhereError(name, "a virtual dataset")
            if settings.get_external_count():
                raise ElsewhereError(name, "a dataset in another file")
            found.get_storage_size()  # counts its chunks
            _read_texts(h5py.Dataset(found))
    if type(found) in OPEN and h5a.get_num_attrs(found):
        _read_attributes(OPEN[type(found)](found))


def _read_attributes(found: Any) -> None:
    for key in found.attrs:
        with suppress(*SAID):
            found.attrs[key]
    if "DIMENSION_LIST" in found.attrs and isinstance(found, h5py.Dataset):
        with suppress(*SAID):
            for axis in found.dims:
                axis.values()


def _read_texts(dataset: h5py.Dataset) -> None:
    if dataset.dtype.kind == "O" and dataset.ndim:
        for start in range(0, len(dataset), ROWS):
            dataset[start : start + ROWS]


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def main() -> None:
    """Answer requests until stdin ends, or none arrives for a while."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, and that this process
    _limit_memory()
    _say(READY)
    for line in sys.stdin:
        path = json.loads(line)
        _end_after(seconds=min(SECONDS + Path(path).stat().st_size / RATE, LONGEST))
        answer = look(path)
        _end_after()
        _say(json.dumps(answer))
        _end_after(idle=IDLE)


def _limit_memory() -> None:
    """Limit the address space to what is taken, large with some builds of NumPy, and a file's."""
    if resource is None:
        return
    limits = {resource.RLIMIT_CORE: 0}
    with suppress(OSError):  # not every system says what is taken
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
        limits[resource.RLIMIT_AS] = int(pages) * resource.getpagesize() + MEMORY
    for limit, most in limits.items():
        with suppress(ValueError, OSError):  # a lower one is set already
            resource.setrlimit(limit, (most, most))


def _end_after(seconds: float = 0, idle: int = 0) -> None:
    """Let a signal end this process after a CPU time or an idle time, in seconds; 0: never."""
    if hasattr(signal, "setitimer"):
        signal.alarm(idle)
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
