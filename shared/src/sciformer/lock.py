"""Exclusive use of a folder by one process, on any operating system."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

LOCK, SOFT = ".lock", ".lock.soft"


@contextmanager
def exclusive(folder: Path, use: str) -> Iterator[None]:
    """Lock an existing folder; a killed process does not keep its lock.

    Args:
        folder: The folder.
        use: What a second process is refused for, such as ``fit is running``.

    Yields:
        While the lock is held.

    Raises:
        ValueError: If another process holds the lock.
    """
    lock = FileLock(folder / LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise ValueError(f"{folder}: another {use} there") from error
    except OSError:  # a file system that locks no files: there a file itself is the lock
        lock = _soft(folder, use)
    try:
        yield
    finally:
        for name in (LOCK, SOFT):
            with suppress(PermissionError):  # Windows removes no file that is open
                (folder / name).unlink(missing_ok=True)  # who has it open notices that it is gone
        lock.release()


def _soft(folder: Path, use: str) -> BaseFileLock:
    """Lock file with process id and host; ignored if that process, on this host, has ended."""
    lock = SoftFileLock(folder / SOFT, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        held = (folder / SOFT).read_text().split()
        raise ValueError(
            f"{folder}: another {use} there ({' '.join(held[:2])}); "
            f"if it has ended with its machine, remove {folder / SOFT}"
        ) from error
    return lock
