"""Tables whose columns have types of their own: DataFrames, parquet, Arrow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api import types

from sciformer.data.open_files import reading
from sciformer.data.parquet import open_parquet
from xval.data.dates import ISO
from xval.data.readers.column_types import ColumnType, text_kind
from xval.data.readers.table import Table
from xval.encodings.numbers_in_text import write
from xval.simulate.text import Verbatim

PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather", ".ipc")
UNFOLDED = 64  # bytes of a table for each of an Arrow file, at most: it may be compressed


def read_binary(path: Path) -> Table:
    """Read a parquet or Arrow file.

    Args:
        path: Path of the file.

    Returns:
        The table.

    Raises:
        ValueError: If there is no such file, or it is damaged.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    if path.suffix in PARQUET:
        with open_parquet(path) as file, reading(path, "damaged"):
            table = file.read()
    else:
        with reading(path, "truncated or not Arrow"), path.open("rb") as file:
            stream = file.read(6) != b"ARROW1"
            file.seek(0)
            opened = pa.ipc.open_stream(file) if stream else pa.ipc.open_file(file)
            table = opened.read_all()
            table.validate(full=True)
    if table.nbytes > UNFOLDED * path.stat().st_size + (1 << 20) and path.suffix not in PARQUET:
        raise ValueError(f"{path}: {table.nbytes} bytes in this file of {path.stat().st_size}")
    with reading(path, "damaged"):
        return table_of(table.to_pandas(types_mapper=pd.ArrowDtype), str(path))


def table_of(frame: pd.DataFrame, path: str = "DataFrame") -> Table:
    """A DataFrame as a table.

    Args:
        frame: The DataFrame; its index is left out.
        path: Name of the table in messages.

    Returns:
        The table.

    Raises:
        ValueError: If it has no rows, or two columns have the same name.
    """
    if not len(frame) or not len(frame.columns):
        raise ValueError(f"{path}: there are no rows, or no columns")
    if not frame.columns.is_unique:
        raise ValueError(f"{path}: two columns have the same name")
    found = {str(name): _column(column) for name, column in frame.items()}
    cells = {name: column for name, (column, _) in found.items()}
    kinds = {name: kind for name, (_, kind) in found.items()}
    return Table(path, cells, np.arange(1, len(frame) + 1), types=kinds)


def _column(column: pd.Series) -> tuple[pd.Series, ColumnType]:
    missing = column.isna().to_numpy()
    if types.is_datetime64_any_dtype(column.dtype):
        texts, kind = [each.isoformat() for each in column[~missing]], ColumnType("date", form=ISO)
    elif types.is_bool_dtype(column.dtype):
        texts, kind = [str(each) for each in column[~missing].tolist()], ColumnType("category")
    elif types.is_numeric_dtype(column.dtype):
        single = column.dtype in (np.float32, np.float16) or str(column.dtype).startswith("float[")
        of = np.float32 if single else lambda number: number
        texts, kind = [write(of(each)) for each in column[~missing].tolist()], ColumnType("number")
    else:
        values = [
            None if gone else each for each, gone in zip(column.tolist(), missing, strict=True)
        ]
        if not all(each is None or isinstance(each, str) for each in values):
            nested = pd.Series([_plain(each) for each in values], dtype=object)
            return nested, ColumnType("nested")
        texts = [each for each in values if each is not None]
        kind = ColumnType(text_kind(len(set(texts)), len(texts)))
    cells = np.full(len(column), "", object)
    cells[~missing] = texts
    return pd.Series(cells, dtype=object), kind


def _plain(value: Any) -> Any:
    """A nested value with its numbers as they are written."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(each) for each in value]
    if isinstance(value, (bool, np.bool_)) or value is None or value is pd.NA:
        return None if value is pd.NA else value
    if isinstance(value, (int, float, np.integer, np.floating)):
        return None if value != value else Verbatim(str(value).removesuffix(".0"))
    return str(value)
