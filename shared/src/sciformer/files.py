"""Files that are written whole or not at all, and replaced only when asked."""

import glob
import os
import re
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # pathlib makes one slash of two
UNFOLDS = 1032  # bytes that deflate can make of one byte, at most (RFC 1951: 258 of 2 bits)
LEFTOVER = re.compile(r"\..+\.(\d+)(?:@(.+))?")  # what a process, of a host, was writing
STALE = 86_400  # seconds after which a file that another host was writing is a leftover


def local(path: str | Path, name: str = "out") -> Path:
    """Read ``~`` in a path, and refuse what is no path on this machine.

    Args:
        path: Where something shall be written.
        name: The option that named it.

    Returns:
        The path to use.

    Raises:
        ValueError: If it is an address, or there is no such home.
    """
    if ADDRESS.match(os.fspath(path)):
        raise ValueError(f"{name}: {path} is an address; results go to a folder of this machine")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{name}: {path}: there is no such home") from error


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place and move it there when it is whole and on the disk.

    Args:
        path: Where the file shall be; its folder is made where missing.
        write: Called with the path to write to.
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
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_leftovers(folder: Path, *names: str) -> None:
    """Remove what processes that have ended were writing when they were killed.

    Args:
        folder: Where they wrote.
        *names: Of the files that they would have become, or patterns of them.
    """
    for path in (path for name in names for path in folder.glob(f".{name}.*")):
        found = LEFTOVER.fullmatch(path.name)
        if found and not _is_written(path, int(found[1]), found[2]):
            path.unlink(missing_ok=True)


def _is_written(path: Path, process: int, host: str | None) -> bool:
    """Whether the process that began a file may be still at it."""
    if host not in (None, socket.gethostname()):
        with suppress(FileNotFoundError):
            return time.time() - path.stat().st_mtime < STALE
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # there is one, of somebody else
        return True
    return True


def new_folder(folder: str | Path, names: tuple[str, ...], overwrite: bool = False) -> Path:
    """See, before long work, that results can be written to a folder and replace none unasked.

    Args:
        folder: The value of ``--out``; made where missing.
        names: Of the files that will be written.
        overwrite: Whether they may replace those that are there.

    Returns:
        The folder to use.

    Raises:
        ValueError: If one of the files is there, or the folder cannot be written to.
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
    """See, before long work, that a file can be written and replaces none unasked.

    Args:
        path: The value of ``--out``.
        overwrite: Whether it may replace one that is there.

    Returns:
        The path to use.

    Raises:
        ValueError: If it is there, or its folder cannot be written to.
    """
    path = local(path)
    return new_folder(path.parent, (path.name,), overwrite) / path.name


def up_to_date(path: Path, source: Path) -> bool:
    """Tell whether a file that was made from another one is there, and has not been overtaken.

    Args:
        path: What was made.
        source: What it was made from.

    Returns:
        Whether it can be used.
    """
    return path.is_file() and path.stat().st_mtime_ns >= source.stat().st_mtime_ns


def check_writable(folder: str | Path, name: str) -> Path:
    """See that files can be made in a folder, before long work ends at its door; make it if needed.

    Args:
        folder: Where results shall go.
        name: The option that named it.

    Returns:
        The folder to use.

    Raises:
        ValueError: If it is no folder of this machine or cannot be written to.
    """
    folder = local(folder, name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"{name}: cannot write to {folder}: {error.strerror}") from error
    return folder
