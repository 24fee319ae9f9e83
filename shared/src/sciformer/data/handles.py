"""Open files of a folder of shards, to read pieces of."""

import os
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

OPEN_FILES = 64  # that a process keeps


class Handles:
    """Files to read pieces of; opened when needed, by each process for itself.

    Reading and not mapping: what is mapped counts as memory of the process, and a file that another
    one shortens would end it without a word.

    Args:
        path: Number of a file -> where it is.
    """

    def __init__(self, path: Callable[[int], Path]) -> None:
        self.path = path
        self._open: dict[int, FileIO] = {}

    def read(self, number: int, offset: int, into: Sequence[bytearray | memoryview]) -> int:
        """Fill pieces of memory, one after the other, from a place in a file.

        Args:
            number: Of the file.
            offset: Where in it to begin.
            into: What to fill.

        Returns:
            How many bytes there were, at most 2 GiB.
        """
        if number not in self._open:
            if len(self._open) >= OPEN_FILES:
                self._open.pop(next(iter(self._open))).close()
            self._open[number] = self.path(number).open("rb", buffering=0)
        return os.preadv(self._open[number].fileno(), into, offset)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}
