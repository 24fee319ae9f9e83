"""Files that are there whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

LEFTOVERS = ".*.part"  # what a killed process leaves behind, as a glob


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside its place; move it there at the end, when it is complete and on the disk.

    Args:
        path: Where the file shall be; the folder exists.

    Yields:
        The file, to write and to read; nothing is left of it if the block raises.
    """
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with beside.open("x+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
