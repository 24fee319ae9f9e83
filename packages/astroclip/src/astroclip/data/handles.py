"""Files that every process opens for itself, once, and not too many at a time."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from sciformer.data.handles import OPEN_FILES


@runtime_checkable
class Closes(Protocol):
    """What can be closed."""

    def close(self) -> Any: ...


File = TypeVar("File", bound=Closes)


class OpenFiles(Generic[File]):
    """Files to read, opened when first needed, and anew in a process that forked off.

    Args:
        opener: Opens a file; a picklable function.
    """

    def __init__(self, opener: Callable[[Path], File]) -> None:
        self.opener = opener
        self._open: dict[Path, File] = {}
        self._owner = 0

    def __getitem__(self, path: Path) -> File:
        if self._owner != os.getpid():
            self.close()  # or HDF5 would go on with the handle of the parent
            self._owner = os.getpid()
        if path not in self._open:
            if len(self._open) >= OPEN_FILES:
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = self.opener(path)
        return self._open[path]

    def close(self) -> None:
        """Close all; reading opens them again."""
        while self._open:
            self._open.popitem()[1].close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}
