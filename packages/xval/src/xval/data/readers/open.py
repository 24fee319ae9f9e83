"""Open a table of any kind of file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from xval.data.readers.delimited import read_delimited
from xval.data.readers.frame_table import ARROW, PARQUET, read_binary, table_of
from xval.data.readers.json_table import LINES, read_json
from xval.data.readers.table import Table

DIALECT = ("separator", "decimal", "missing", "encoding", "names")  # of delimited text
JSON = (".json", *LINES)
GZIP = ".gz"
LONGEST = 1000  # characters of a column's name, which stands in the text of every row
SHEETS = (".xlsx", ".xls", ".ods")


def open_table(
    path: Path | pd.DataFrame, types: Mapping[str, str] | None = None, **given: Any
) -> Table:
    """Open a table.

    Args:
        path: CSV, TSV or other delimited text, JSON or JSON lines, each maybe packed (``.gz``);
            parquet, Arrow; or a DataFrame.
        types: Types of columns that the user gives, see ``Table.set_types``.
        **given: What the user says of the dialect, see ``detect``.

    Returns:
        The table.

    Raises:
        ValueError: Naming the file, and what cannot be read.
    """
    if isinstance(path, pd.DataFrame):
        table = table_of(path)
    else:
        suffix = _suffix(path)
        if suffix in SHEETS:
            raise ValueError(f"{path}: save the sheet as CSV")
        if suffix in (*PARQUET, *ARROW):
            table = read_binary(path)
        elif suffix in JSON:
            missing: Sequence[str] | None = given.get("missing")
            table = read_json(path, None if missing is None else tuple(missing))
        else:
            table = read_delimited(path, given)
    for name in table.columns:
        if len(name) > LONGEST:
            reason = f"a name of {len(name)} characters"
            raise ValueError(f"{table.path}: column {name[:20]!r}...: {reason}")
    table.set_types(types or {})
    return table


def is_delimited(path: Path) -> bool:
    """Whether a file is opened as delimited text, with a separator and a decimal separator."""
    return _suffix(path) not in (*PARQUET, *ARROW, *JSON)


def _suffix(path: Path) -> str:
    """Suffix of a file, without that of its packing."""
    return (path.suffixes[-2:] or [""])[0] if path.suffix == GZIP else path.suffix
