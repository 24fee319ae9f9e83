"""Files that every process opens for itself, once, and not too many at a time."""

import os
from collections.abc import Callable, Hashable, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

OPEN_FILES = 64  # that a process keeps


@runtime_checkable
class Closes(Protocol):
    """What can be closed."""

    def close(self) -> Any: ...


Key = TypeVar("Key", bound=Hashable)
File = TypeVar("File", bound=Closes)


class OpenFiles(Generic[Key, File]):
    """Files to read, opened when first needed, and anew in a process that forked off.

    Args:
        opener: What names a file -> the open file; a picklable function.
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
        """Close a file, if it is open; reading opens it again."""
        if key in self._open:
            self._open.pop(key).close()

    def close(self) -> None:
        """Close all; reading opens them again."""
        while self._open:
            self._open.popitem()[1].close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}


def open_raw(path: Path) -> FileIO:
    """Open a file to read pieces of, without a buffer."""
    return path.open("rb", buffering=0)


def read_into(file: FileIO, offset: int, into: Sequence[bytearray | memoryview]) -> int:
    """Fill pieces of memory, one after the other, from a place in a file.

    Reading and not mapping: what is mapped counts as memory of the process, and a file that another
    one shortens would end it without a word.

    Args:
        file: To read from, without a buffer.
        offset: Where in it to begin.
        into: What to fill.

    Returns:
        How many bytes there were, at most 2 GiB.
    """
    return os.preadv(file.fileno(), into, offset)
