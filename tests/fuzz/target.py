"""What is fuzzed: a reader, and a sound input of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple


class Target(NamedTuple):
    """A reader.

    Args:
        name: In the table.
        write: Write a sound input into an empty folder.
        read: Read such a folder as a verb does. It yields once when the first check of the file is
            passed, once when its sizes are known, and once when samples are read.
        edits: Changes of a folder by the format's own writer.
        seal: Bring checksums in line with the bytes again.
    """

    name: str
    write: Callable[[Path], object]
    read: Callable[[Path], Iterator[None]]
    edits: tuple[Callable[[Path, Random], object], ...] = ()
    seal: Callable[[Path], object] | None = None
