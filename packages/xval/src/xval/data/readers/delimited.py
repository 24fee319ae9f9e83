"""Read a table of delimited text, such as CSV, with every cell as it is written."""

import io
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from io import TextIOBase
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int64

from sciformer.text import reason
from xval.data.readers.dialect import COMMENT, Dialect, detect
from xval.data.readers.number_notation import notations
from xval.data.readers.table import Table
from xval.data.readers.text_files import opened

COLUMNS = 1 << 14  # of a table, at most
CELL = 1 << 17  # characters of a cell, at most
CHUNK = 1 << 16  # rows that are read at once
INDEX = ("", "Unnamed: 0")  # what pandas calls an index that was written with a table
SEEN = 100  # names of rows that must not be numbers
SPARE = 1  # a column more than the header has, in which rows that are too long show


def read_delimited(path: Path, given: Mapping[str, Any]) -> Table:
    """Read a file of delimited text.

    Args:
        path: Path of the file, maybe packed by gzip.
        given: What the user says of its dialect, see ``detect``.

    Returns:
        The table.

    Raises:
        ValueError: Naming file and row, if it is no table.
    """
    dialect, notes = detect(path, given)
    frame = _cells(path, dialect)
    arrow = pa.Table.from_pandas(
        frame, preserve_index=False
    ).columns  # pandas is slow with thousands
    _check_lengths(path, arrow)
    lines = _lines(arrow, dialect.skipped)
    filled = np.stack([_filled(column) for column in arrow])
    there = np.any(filled, axis=0)
    if not there.any():
        raise ValueError(f"{path}: the file is empty")
    header = [*(dialect.names or ()), *[""] * len(filled)][: len(filled)]
    if dialect.names is None:
        first = int(np.flatnonzero(there)[0])
        header, there[first] = [cell.strip() for cell in frame.iloc[first].tolist()], False
        _check_header(path, header)
    remarks = _remarks(frame.iloc[:, 0], filled, there)
    if remarks.any():
        notes.append(f"{remarks.sum()} remarks are left out: row {lines[remarks][0]}")
    there &= ~remarks
    if not there.any():
        raise ValueError(f"{path}: there are no rows below the names of the columns")
    frame, filled, lines = frame.loc[there].reset_index(drop=True), filled[:, there], lines[there]
    cells = [column for _, column in frame.items()]
    names = _names(path, header, cells, filled, lines, notes)
    return Table(str(path), {own: cells[k] for k, own in names.items()}, lines, dialect, notes)


def _filled(column: pa.ChunkedArray) -> Bool[np.ndarray, " rows"]:
    return pc.not_equal(column, "").to_numpy()  # pyright: ignore[reportAttributeAccessIssue]


def _cells(path: Path, dialect: Dialect) -> pd.DataFrame:
    """Rows below the lines that are skipped, as strings; empty where a row is too short."""
    if dialect.width > COLUMNS:
        raise ValueError(f"{path}: {dialect.width} columns are more than {COLUMNS}")
    with opened(path) as file, io.TextIOWrapper(file, dialect.encoding, newline="") as text:
        try:
            for _ in range(dialect.skipped):
                text.readline()
            return pd.concat(_parts(text, dialect))
        except pd.errors.EmptyDataError as error:
            raise ValueError(f"{path}: the file is empty") from error
        except pd.errors.ParserError as error:
            raise ValueError(f"{path}: {_said(error, dialect.skipped)}") from error
        except ValueError as error:  # also an encoding that does not fit
            raise ValueError(f"{path}: {reason(error)}") from error


def _parts(text: TextIOBase, dialect: Dialect) -> Iterable[pd.DataFrame]:
    return pd.read_csv(
        text,
        sep=dialect.separator,
        header=None,
        names=range(dialect.width + SPARE),
        index_col=False,
        dtype=str,
        na_filter=False,
        skip_blank_lines=False,
        chunksize=CHUNK,
    )


def _check_lengths(path: Path, cells: Sequence[pa.ChunkedArray]) -> None:
    for number, column in enumerate(cells, start=1):
        lengths = pc.utf8_length(column)  # pyright: ignore[reportAttributeAccessIssue]
        if lengths.to_numpy().max(initial=0) > CELL:
            raise ValueError(f"{path}: column {number}: a cell of more than {CELL} characters")


def _said(error: pd.errors.ParserError, skipped: int) -> str:
    """What pandas' parser did not like, with the line of the file."""
    text = reason(error)
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", text):
        fields, line, saw = map(int, found.groups())
        return f"row {line + skipped}: {saw} values are more than {fields - SPARE} columns"
    if found := re.search(r"EOF inside string starting at row (\d+)", text):
        return f"row {int(found[1]) + 1 + skipped}: a quote is not closed"
    return text


def _lines(cells: Sequence[pa.ChunkedArray], skipped: int) -> Int64[np.ndarray, " rows"]:
    """Line of the file at which each row ends, from 1: a quoted cell may hold several."""
    breaks = np.zeros(len(cells[0]), np.int64)
    for column in cells:
        found = pc.count_substring(column, "\n")  # pyright: ignore[reportAttributeAccessIssue]
        breaks += found.to_numpy()
    return np.arange(1, len(breaks) + 1) + np.cumsum(breaks) + skipped


def _remarks(
    cells: pd.Series, filled: Bool[np.ndarray, "columns rows"], there: Bool[np.ndarray, " rows"]
) -> Bool[np.ndarray, " rows"]:
    """Rows that are comments, or sentences below a table: with nothing but a first cell."""
    alone = there & ~np.any(filled[1:], axis=0)
    if len(filled) <= 1 + SPARE or not alone.any():
        return np.zeros_like(there)
    found = alone & cells.str.match(COMMENT.pattern).to_numpy(bool)
    below = np.flatnonzero(there & ~alone)[-1:].sum()  # the last row of several cells
    for row in np.flatnonzero(alone):
        found[row] |= row > below > 0 and " " in cells.iloc[row].strip()
    return found


def _check_header(path: Path, header: Sequence[str]) -> None:
    """Check that the first row has names: years may be, other numbers are not."""
    there = [name for name in header if name]
    numbers = [name for name in there if notations([name])]
    if there and len(numbers) == len(there) and not all(name.isdigit() for name in there):
        raise ValueError(
            f"{path}: row 1: {numbers[0]!r} and the others are no names; names: [...] gives them"
        )


def _names(
    path: Path,
    header: Sequence[str],
    cells: Sequence[pd.Series],
    filled: Bool[np.ndarray, "columns rows"],
    lines: Int64[np.ndarray, " rows"],
    notes: list[str],
) -> dict[int, str]:
    """Name of each column that is kept, by its place."""
    header = _with_names_of_rows(header, cells, filled)
    last = max((place for place, name in enumerate(header) if name), default=0)
    names: dict[int, str] = {}
    distinct = _distinct(header)
    for place, name in enumerate(header):
        if not name and not filled[place].any():
            continue
        if not name and place > last:
            row = int(np.flatnonzero(filled[place])[0])
            extra = f"column {place + 1}: {cells[place].iloc[row]!r} is below no name"
            raise ValueError(f"{path}: row {lines[row]}: {extra}")
        if place == 0 < last and name in INDEX and _is_index(cells[0]):
            notes.append("column 1 is an index and left out")
            continue
        names[place] = distinct(name or f"column {place + 1}")
        if names[place] != name:
            notes.append(f"column {place + 1} is called {names[place]!r}")
    return names


def _with_names_of_rows(
    header: Sequence[str], cells: Sequence[pd.Series], filled: Bool[np.ndarray, "columns rows"]
) -> list[str]:
    """The header, where R left out the name of the first column, which holds names of rows."""
    named = [name for name in header if name]
    place = len(named)
    if not 0 < place < len(header) or list(header[:place]) != named:
        return list(header)
    numbered = cells[0].tolist() == [str(k) for k in range(1, len(cells[0]) + 1)]
    own = cells[0].is_unique and (numbered or not any(notations([x]) for x in cells[0].head(SEEN)))
    return ["", *header[:-1]] if own and filled[place].all() else list(header)


def _distinct(header: Collection[str]) -> Callable[[str], str]:
    """Names that no other column has: ``a.1`` for the second ``a``."""
    known, taken = set(header), set[str]()
    numbers = defaultdict[str, Iterator[int]](lambda: count(1))

    def distinct(name: str) -> str:
        found = name
        while found in taken or (found is not name and found in known):
            found = f"{name}.{next(numbers[name])}"
        taken.add(found)
        return found

    return distinct


def _is_index(values: pd.Series) -> bool:
    """Whether a column numbers the rows, in any order."""
    return bool(values.str.fullmatch(r"[0-9]+").all() and values.is_unique)
