"""Atomic writes, and early checks that results can be written."""

import glob
import os
import re
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # of a URL; pathlib merges its slashes
UNFOLDS = 1032  # largest ratio of deflate compression (RFC 1951: 258 bytes in 2 bits)
LEFTOVER = re.compile(r"\..+\.(\d+)(?:@(.+))?")  # temporary file of a process on a host
STALE = 86_400  # seconds until a temporary file of another host counts as a leftover
WINDOWS = os.name == "nt"  # where signal 0 is Ctrl-C, and asks no process whether it runs


def local(path: str | Path, name: str = "out") -> Path:
    """Expand ``~`` in a path of this machine.

    Args:
        path: Where to write.
        name: Option that gave it, for the error.

    Returns:
        The expanded path.

    Raises:
        ValueError: If it is a URL, or the home folder does not exist.
    """
    if ADDRESS.match(os.fspath(path)):
        raise ValueError(f"{name}: {path} is an address; results go to a folder of this machine")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{name}: {path}: there is no such home") from error


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write to a temporary file in the same folder, sync it and rename it: all or nothing.

    Args:
        path: Destination; its folder is made if missing.
        write: Called with the temporary path.
    """
    path = local(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}@{socket.gethostname()}")
    try:
        write(beside)
        _sync(beside)
        beside.replace(path)
        with suppress(OSError):  # not every file system has folders that can be synchronized
            _sync(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    # Windows synchronizes no file that is open for reading only; a folder opens for nothing else.
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_leftovers(folder: Path, *names: str) -> None:
    """Remove temporary files of ``write_atomically`` whose process was killed.

    Args:
        folder: Folder of the destinations.
        *names: File names of the destinations, or patterns of them.
    """
    for path in (path for name in names for path in folder.glob(f".{name}.*")):
        found = LEFTOVER.fullmatch(path.name)
        if found and not _is_written(path, int(found[1]), found[2]):
            path.unlink(missing_ok=True)


def _is_written(path: Path, process: int, host: str | None) -> bool:
    """Whether the process that writes a temporary file may still run."""
    if WINDOWS or host not in (None, socket.gethostname()):
        with suppress(FileNotFoundError):
            return time.time() - path.stat().st_mtime < STALE
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it runs, under another user
        return True
    return True


def new_folder(folder: str | Path, names: tuple[str, ...], overwrite: bool = False) -> Path:
    """Check, before long work, that results can be written to a folder and overwrite nothing.

    Args:
        folder: Value of ``--out``; made if missing.
        names: File names of the results.
        overwrite: Allow existing results to be replaced.

    Returns:
        The expanded path.

    Raises:
        ValueError: If a result exists, or the folder is not writable.
    """
    folder = local(folder)
    for name in names:
        if (folder / name).is_dir():
            raise ValueError(f"out: {folder / name} is a folder")
        if (folder / name).exists() and not overwrite:
            raise ValueError(f"out: {folder / name} is there already; --overwrite replaces it")
    check_writable(folder, "out")
    remove_leftovers(folder, *map(glob.escape, names))
    return folder


def new_file(path: str | Path, overwrite: bool = False) -> Path:
    """Check, before long work, that a file can be written and overwrites nothing.

    Args:
        path: Value of ``--out``.
        overwrite: Allow an existing file to be replaced.

    Returns:
        The expanded path.

    Raises:
        ValueError: If the file exists, or its folder is not writable.
    """
    path = local(path)
    return new_folder(path.parent, (path.name,), overwrite) / path.name


def up_to_date(path: Path, source: Path) -> bool:
    """Whether a derived file exists and is not older than its source."""
    return path.is_file() and path.stat().st_mtime_ns >= source.stat().st_mtime_ns


def check_writable(folder: str | Path, name: str) -> Path:
    """Check, before long work, that a folder is writable; make it if missing.

    Args:
        folder: Folder of the results.
        name: Option that gave it, for the error.

    Returns:
        The expanded path.

    Raises:
        ValueError: If it is not a folder of this machine, or not writable.
    """
    folder = local(folder, name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"{name}: cannot write to {folder}: {error.strerror}") from error
    return folder
