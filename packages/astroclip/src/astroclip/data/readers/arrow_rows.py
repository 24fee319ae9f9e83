"""Rows of parquet and Arrow files (``save_to_disk``), whose columns may be nested lists."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from astroclip.data.readers.column_names import text
from sciformer.data.open_files import LazyFile, OpenFiles, reading
from sciformer.data.parquet import open_parquet, texts

PARQUET, ARROW = ".parquet", ".arrow"


class ArrowFile:
    """An Arrow file, whose batches are memory-mapped where they are not compressed.

    Args:
        path: A stream (as ``datasets`` writes it) or a file of Arrow.

    Raises:
        ValueError: If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ValueError(f"{path}: no such file")
        self.path = path
        with reading(path, "truncated or not Arrow"):
            self.source = pa.memory_map(str(path))
            try:
                self.reader: Any = pa.ipc.open_file(self.source)
                numbers = range(self.reader.num_record_batches)
                self.rows = [self.reader.get_batch(number).num_rows for number in numbers]
            except pa.ArrowInvalid:
                self.source.seek(0)
                stream = pa.ipc.open_stream(self.source)
                self.reader = list(stream)
                self.rows = [batch.num_rows for batch in self.reader]
                self.schema = stream.schema
            else:
                self.schema = self.reader.schema
        if sum(self.rows) > path.stat().st_size:
            raise ValueError(f"{path}: truncated: {sum(self.rows)} rows in so short a file")

    def batch(self, number: int) -> pa.RecordBatch:
        """A batch of rows, checked."""
        with reading(self.path, f"batch {number}"):
            listed = isinstance(self.reader, list)
            found = self.reader[number] if listed else self.reader.get_batch(number)
            found.validate(full=True)
            return found

    def close(self) -> None:
        """Close the file; what was read from it stays."""
        self.reader = []


class ArrowRows(LazyFile[Any]):
    """Columns of a parquet or Arrow file, read row by row; one group of rows is in memory.

    Fields of structures are columns of their own: ``spectrum.flux``.

    Args:
        path: The file.
        files: Open files to share with other readers.

    Raises:
        ValueError: If it cannot be read.
    """

    air: bool | None = None

    def __init__(self, path: str | Path, files: OpenFiles[Path, Any] | None = None) -> None:
        super().__init__(path, open_rows, files)
        file = self.file
        if isinstance(file, ArrowFile):
            schema, rows = file.schema, file.rows
        else:
            schema = file.schema_arrow
            rows = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        self.schema: pa.Schema = schema
        self.starts: list[int] = np.cumsum([0, *rows]).tolist()
        self.types = dict(_flat(schema))
        self.names: Sequence[str] = list(self.types)
        self.used: set[str] = set()  # columns that were asked for by row
        self._group: tuple[int, dict[str, Any]] = (-1, {})

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_group": (-1, {})}

    def __len__(self) -> int:
        return self.starts[-1]

    def shape(self, name: str) -> tuple[int, ...]:
        """Number of rows, then 0 for each axis of the values: its size may differ between rows."""
        kind, axes = self.types[name], 0
        while is_list(kind):
            kind, axes = kind.value_type, axes + 1
        return (len(self), *[0] * axes)

    def whole(self, name: str) -> np.ndarray:
        """Values of all rows of a column of numbers or texts."""
        parts = [self._read(group, [name])[name] for group in range(len(self.starts) - 1)]
        found = [_plain(part) for part in parts]
        return np.concatenate(found) if found else np.array([], np.int64)

    def row(self, name: str, number: int) -> np.ndarray:
        """Values of one row."""
        group = bisect_right(self.starts, number) - 1
        if self._group[0] != group or name not in self._group[1]:
            self.used.add(name)
            self._group = (-1, {})  # free the memory of the last one first
            self._group = group, self._read(group, sorted(self.used))
        return array_of(self._group[1][name], number - self.starts[group])

    def unit(self, name: str) -> str | None:  # as other columns
        """None: such files have no units."""
        return None

    def _read(self, group: int, names: Sequence[str]) -> dict[str, Any]:
        file, top = self.file, sorted({name.split(".")[0] for name in names})
        with reading(self.path, f"row group {group}"):
            if isinstance(file, ArrowFile):
                batch = file.batch(group)
                found = {name: batch.column(name) for name in top}
            else:
                lists = {name for name in top if is_list(self.schema.field(name).type)}
                wanted = [*(name for name in names if name.split(".")[0] not in lists), *lists]
                table = file.read_row_group(group, wanted)
                found = {name: table[name].combine_chunks() for name in top}
            return {name: _field(found, name) for name in names}


def open_rows(path: Path) -> Any:
    """Open a parquet or an Arrow file and check it."""
    return ArrowFile(path) if path.suffix == ARROW else open_parquet(path)


def array_of(column: Any, row: int) -> np.ndarray:
    """One row of a column of numbers or nested lists."""
    values, shape = _storage(column).slice(row, 1), []
    while pa.types.is_nested(values.type):
        before = len(values)
        values = values.flatten()
        shape.append(len(values) // before if before else 0)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        numbers = np.array(values.to_pylist(), dtype=np.str_)
    else:
        numbers = values.to_numpy(zero_copy_only=False)
    return numbers.reshape(shape) if np.prod(shape) == len(numbers) else numbers


def is_list(kind: pa.DataType) -> bool:
    """Whether values of a type are lists of any kind."""
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(one(kind) for one in kinds)


def _storage(column: Any) -> Any:
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _flat(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    """Names and types of columns, with those of structures, and of lists of structures."""
    for field in schema:
        kind = field.type.storage_type if isinstance(field.type, pa.ExtensionType) else field.type
        inner = kind.value_type if is_list(kind) else None
        if pa.types.is_struct(kind):
            yield from ((f"{field.name}.{one.name}", one.type) for one in kind)
        elif inner is not None and pa.types.is_struct(inner):
            yield from ((f"{field.name}.{one.name}", pa.list_(one.type)) for one in inner)
        else:
            yield field.name, kind


def _field(found: dict[str, Any], name: str) -> Any:
    """A column, or a field of the structures in one."""
    top, _, inner = name.partition(".")
    column = _storage(found[top])
    if not inner:
        return column
    if pa.types.is_struct(column.type):
        return column.field(inner)
    values = column.values.field(inner)  # a list of structures is a structure of lists
    return pa.ListArray.from_arrays(column.offsets, values)


def _plain(column: pa.Array) -> np.ndarray:
    if pa.types.is_dictionary(column.type) or pa.types.is_string(column.type):
        return np.array(["" if one is None else text(one) for one in texts(column)], np.str_)
    return column.to_numpy(zero_copy_only=False)
