"""Files that each process opens once, with a maximum number of open ones; one-line errors."""

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from sciformer.text import reason

OPEN_FILES = 64  # that a process keeps


@runtime_checkable
class Closes(Protocol):
    """Protocol of objects that can be closed."""

    def close(self) -> Any:
        """Close the file."""
        ...


Key = TypeVar("Key", bound=Hashable)
File = TypeVar("File", bound=Closes)


class OpenFiles(Generic[Key, File]):
    """Files opened for reading on first use, and again in a forked process.

    Args:
        opener: Opens a file from its key; must be picklable.
    """

    def __init__(self, opener: Callable[[Key], File]) -> None:
        self.opener = opener
        self._open: dict[Key, File] = {}
        self._owner = os.getpid()

    def __getitem__(self, key: Key) -> File:
        if self._owner != os.getpid():
            self.close()  # or HDF5 would go on with the handle of the parent
            self._owner = os.getpid()
        if key not in self._open:
            if len(self._open) >= OPEN_FILES:
                self._open.pop(next(iter(self._open))).close()
            self._open[key] = self.opener(key)
        return self._open[key]

    def __len__(self) -> int:
        return len(self._open)

    def drop(self, key: Key) -> None:
        """Close a file if it is open; it is reopened when needed."""
        if key in self._open:
            self._open.pop(key).close()

    def close(self) -> None:
        """Close all files; they are reopened when needed."""
        while self._open:
            self._open.popitem()[1].close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}


Lazy = TypeVar("Lazy", bound="LazyFile[Any]")


class LazyFile(Generic[File]):
    """A file that each process opens on first use.

    Args:
        path: The file.
        opener: Opens it; must be picklable.
        files: Open files to share with other readers.
    """

    def __init__(
        self, path: str | Path, opener: Callable[[Path], File], files: OpenFiles[Path, File] | None
    ) -> None:
        self.path = Path(path)
        self.files = OpenFiles(opener) if files is None else files

    @property
    def file(self) -> File:
        """The open file."""
        return self.files[self.path]

    def reading(self, what: str) -> AbstractContextManager[None]:
        """Add the file and the name of a part to errors about damaged data."""
        return reading(f"{self.path}: {what}", "cannot be read")

    def close(self) -> None:
        """Close the file; reading opens it again."""
        self.files.drop(self.path)

    def __enter__(self: Lazy) -> Lazy:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@contextmanager
def reading(where: str | Path, what: str) -> Iterator[None]:
    """Turn a library's errors about damaged data into a ``ValueError`` of one line."""
    try:
        yield
    except Exception as error:  # libraries raise dozens of types for malformed input
        raise ValueError(f"{where}: {what}: {reason(error)}") from error


def open_raw(path: Path) -> FileIO:
    """Open a file for unbuffered reading."""
    return path.open("rb", buffering=0)


def read_into(file: FileIO, offset: int, into: Sequence[bytearray | memoryview]) -> int:
    """Read from an offset in a file into several buffers, one after the other.

    Files are read, not memory-mapped: mapped pages count as memory of the process, and a truncated
    file would crash it.

    Args:
        file: Unbuffered file.
        offset: Offset in bytes.
        into: Buffers to fill.

    Returns:
        Number of bytes read, at most 2 GiB.
    """
    if hasattr(os, "preadv"):
        return os.preadv(file.fileno(), into, offset)
    file.seek(offset)
    return sum(file.readinto(buffer) for buffer in into)
