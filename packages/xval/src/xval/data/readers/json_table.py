"""Read JSON: an array of records, columns, or lines of records or texts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sciformer.text import reason
from xval.data.readers.column_types import MARKERS, ColumnType, text_kind
from xval.data.readers.dialect import Dialect
from xval.data.readers.table import Table, plain
from xval.data.readers.text_files import blocks
from xval.simulate.text import Verbatim

LARGEST = 1 << 30  # bytes
TEXTS = "\n"  # the column of lines that are texts and no records
LINES = (".jsonl", ".ndjson")


def read_json(path: Path, missing: tuple[str, ...] | None = None) -> Table:
    """Read a JSON file as a table, one record per row.

    Args:
        path: Path of the file, maybe packed by gzip.
        missing: Strings that count as missing, besides null; None takes the usual ones.

    Returns:
        The table. Lists and objects inside records are kept; a line that is a string is a text, in
        the column ``TEXTS``.

    Raises:
        ValueError: Naming file and row, if it is no table.
    """
    try:
        text = b"".join(blocks(path, LARGEST)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: {reason(error)}") from error
    whole = None if LINES[0] in path.suffixes or LINES[1] in path.suffixes else _whole(text)
    records, lines = whole or _lines(path, text)
    if not records:
        raise ValueError(f"{path}: the file is empty")
    names = dict.fromkeys(key for record in records for key in record)
    columns = {name: [record.get(name) for record in records] for name in names}
    markers = frozenset(["", *(MARKERS if missing is None else missing)])
    types = {name: _type(cells, markers) for name, cells in columns.items()}
    for name, kind in types.items():
        if kind.kind != "nested":
            columns[name] = [plain(cell) for cell in columns[name]]
    cells = {name: pd.Series(each, dtype=object) for name, each in columns.items()}
    return Table(str(path), cells, np.array(lines), Dialect(missing=missing), types=types)


def _type(cells: Sequence[Any], markers: frozenset[str]) -> ColumnType:
    """Numbers or texts, where all that is not missing is; else what JSON has."""
    there = [cell for cell in cells if not (isinstance(cell, str) and cell.strip() in markers)]
    kinds = {type(cell) for cell in there if cell is not None}
    if kinds == {Verbatim}:
        return ColumnType("number", markers)
    if kinds <= {str}:
        return ColumnType(text_kind(len(set(there)), len(there)), markers)
    return ColumnType("nested", markers)


def _load(text: str) -> Any:
    return json.loads(text, parse_float=Verbatim, parse_int=Verbatim, parse_constant=_constant)


def _constant(name: str) -> None:
    """NaN is missing, as pandas has it; infinity is refused."""
    if name != "NaN":
        raise ValueError(f"{name} is no number")


def _whole(text: str) -> tuple[list[dict[str, Any]], list[int]] | None:
    """Records of a file that is one array or one object of columns; None if it is lines."""
    try:
        found = _load(text)
    except (ValueError, RecursionError):
        return None  # the lines say what is wrong
    only = next(iter(found.values())) if isinstance(found, dict) and len(found) == 1 else found
    records: Any = only if _records(only) else _columns(found)
    return (records, list(range(1, len(records) + 1))) if _records(records) else None


def _records(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(record, dict) for record in found)


def _columns(found: Any) -> list[dict[str, Any]] | None:
    """Records of an object of columns: lists of equal length, or pandas' objects by index."""
    columns = list(found.values()) if isinstance(found, dict) else []
    if columns and all(isinstance(column, dict) for column in columns):
        keys = list(columns[0])
        if any(list(column) != keys for column in columns):
            return None
        columns = [list(column.values()) for column in columns]
    if not columns or not all(isinstance(column, list) for column in columns):
        return None
    if len({len(column) for column in columns}) != 1:
        return None
    return [dict(zip(found, row, strict=True)) for row in zip(*columns, strict=True)]


def _lines(path: Path, text: str) -> tuple[list[dict[str, Any]], list[int]]:
    records, lines = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = _load(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: row {number}: not JSON: {reason(error)}") from error
        if not isinstance(record, (dict, str)):
            raise ValueError(f"{path}: row {number}: neither an object nor a string")
        records.append({TEXTS: record} if isinstance(record, str) else record)
        lines.append(number)
    return records, lines
