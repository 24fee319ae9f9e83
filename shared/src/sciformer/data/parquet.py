"""Parquet files: sizes in the metadata are checked against the file before arrow reads it."""

from collections.abc import Sequence
from contextlib import suppress
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sciformer.data.open_files import OpenFiles, reading
from sciformer.files import UNFOLDS

FILL = 2**20  # bytes to which a short run-length-encoded column may expand
WIDTH = 8  # largest bytes per value; equal strings are read once
TEXTS = ("id", "targetid")  # columns that may be strings
OpenParquet = OpenFiles[Path, pq.ParquetFile]


def open_parquet(path: Path, mapped: bool = False, buffer: int = 0) -> pq.ParquetFile:
    """Open a parquet file and check its metadata.

    Args:
        path: The file.
        mapped: Memory-map uncompressed data.
        buffer: Bytes to read at once, for reading in pieces; 0 reads a column of a row group whole,
            and each id that repeats once.

    Returns:
        The open file.

    Raises:
        ValueError: If it does not exist, is not parquet, is truncated, or has impossible sizes.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    with reading(path, "truncated or not parquet"):
        with pq.ParquetFile(path) as file:
            metadata, names = file.metadata, file.schema_arrow.names
        _check_columns(metadata, path.stat().st_size)
        _check_sizes(metadata, path.stat().st_size)
        known = [name for name in TEXTS if name in names]
        return pq.ParquetFile(
            path,
            metadata=metadata,
            memory_map=mapped,
            read_dictionary=[] if buffer else known,
            buffer_size=buffer,
        )


def texts(column: pa.Array) -> list[Any]:
    """Values of a string column; equal strings are one object."""
    if not pa.types.is_dictionary(column.type):
        return column.to_pylist()
    known: Sequence[Any] = column.dictionary.to_pylist()
    return [None if at is None else known[at] for at in column.indices.to_pylist()]


class _ReadError(Exception):
    """Data were accessed that should not be read."""


class _Unread(RawIOBase):
    """File object with a size but no data.

    Args:
        size: Bytes.
    """

    def __init__(self, size: int) -> None:
        self.ends = {SEEK_SET: 0, SEEK_CUR: 0, SEEK_END: size}

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.ends[SEEK_CUR]

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self.ends[SEEK_CUR] = self.ends[whence] + offset
        return self.ends[SEEK_CUR]

    def read(self, size: int = -1) -> bytes:
        raise _ReadError


def _check_columns(metadata: Any, length: int) -> None:
    """Let arrow parse the column metadata in a call that raises errors.

    ``RowGroupMetaData.column`` crashes on malformed metadata. Buffering a file parses all columns
    before any is read.
    """
    file = pq.ParquetFile(_Unread(length), metadata=metadata, pre_buffer=True)
    with suppress(_ReadError):
        file.read_row_groups(range(metadata.num_row_groups), use_threads=False)


def _check_sizes(metadata: Any, length: int) -> None:
    """Check that a file of ``length`` bytes can hold the data its metadata name."""
    rows = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        if group.num_rows < 0 or (rows := rows + group.num_rows) > length:
            raise ValueError(f"row group {number}: {group.num_rows} rows in {length} bytes")
        for column in map(group.column, range(group.num_columns)):
            stored, values = column.total_compressed_size, column.num_values
            room = max(WIDTH * values, column.total_uncompressed_size)
            if not 0 <= stored <= length or values < 0 or room > UNFOLDS * stored + FILL:
                raise ValueError(
                    f"row group {number}: {column.path_in_schema}: {room} bytes, of which {stored} "
                    f"are in this file of {length}"
                )
