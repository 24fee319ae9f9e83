"""How a file of delimited text is written: encoding, separator, lines above the header."""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sciformer.arguments import ArgumentError
from xval.data.readers.number_notation import GRAMMARS, Decimal, notations
from xval.data.readers.text_files import encoding_of, opened

SEPARATORS = (",", ";", "\t", "|")
SPACES = r"\s+"
NONE = "\x1f"  # the unit separator of ASCII: a file of one column
COMMENT = re.compile(r"\s*[#%]")
LINE = re.compile(r"\r\n|\r|\n")
HEAD = 1 << 18  # characters that the separator is found in
SAMPLE = 500  # rows of it
TITLES = 20  # lines above a header, at most
MOSTLY = 0.9  # of the rows have as many columns as the header


class Dialect(NamedTuple):
    r"""How a table is written.

    Args:
        separator: Separator of the columns; ``\s+`` for spaces.
        decimal: Decimal separator that the user gives; None decides it by column.
        missing: Cells that count as missing, if the user gives them.
        encoding: Encoding of the text.
        skipped: Lines above the header.
        names: The header, where it is not the first line that is left.
        width: Most columns of a row among the first ones.
    """

    separator: str = ","
    decimal: Decimal | None = None
    missing: tuple[str, ...] | None = None
    encoding: str = "utf-8"
    skipped: int = 0
    names: tuple[str, ...] | None = None
    width: int = 1


def detect(path: Path, given: Mapping[str, Any]) -> tuple[Dialect, list[str]]:
    """Find out how a file is written.

    Args:
        path: Path of a text file, maybe packed by gzip.
        given: What the user says: ``separator``, ``decimal``, ``missing``, ``encoding``, ``names``.

    Returns:
        The dialect, and what was decided that a user may want to know.

    Raises:
        ValueError: If the file is not text, or an option cannot be.
    """
    decimal, missing, names = (given.get(name) for name in ("decimal", "missing", "names"))
    if decimal not in (None, *GRAMMARS):
        raise ArgumentError("decimal", f"{decimal!r} is none of '.' and ','")
    encoding, note = encoding_of(path, given.get("encoding"))
    lines = _head(path, encoding)
    top = next((n for n, x in enumerate(lines) if x.strip() and not COMMENT.match(x)), len(lines))
    if top == len(lines):
        raise ValueError(f"{path}: the file is empty")
    separator = given.get("separator") or _separator(path, lines[top:])
    rows = _rows(path, lines[top:], separator)
    top += _titles(rows, lines[top:])
    if names is None and top:
        names = _names_above(path, lines[top - 1], rows, separator)
    notes = [note] if note else []
    if top:
        notes.append(f"{top} lines above the table are left out")
    dialect = Dialect(
        separator=separator,
        decimal=decimal,
        missing=None if missing is None else tuple(missing),
        encoding=encoding,
        skipped=top,
        names=None if names is None else tuple(names),
        width=max(map(len, rows)),
    )
    return dialect, notes


def _head(path: Path, encoding: str) -> list[str]:
    """First lines of a file."""
    with opened(path) as file, io.TextIOWrapper(file, encoding, newline="") as text:
        try:
            head = text.read(HEAD)
        except UnicodeError as error:
            raise ValueError(f"{path}: not {encoding}: {error}") from error
    lines = LINE.split(head)
    return (lines[:-1] or lines) if len(head) >= HEAD else lines


def _titles(rows: list[list[str]], lines: Sequence[str]) -> int:
    """Number of lines above the header that have one cell, while the table has more."""
    width, taken = _width(rows), 0
    titles = next((n for n, row in enumerate(rows) if len(row) > 1), 0) if width > 1 else 0
    if not 0 < titles <= TITLES:
        return 0
    for number, line in enumerate(lines):
        if line.strip():
            if taken == titles:
                return number
            taken += 1
    return 0


def _names_above(
    path: Path, line: str, rows: Sequence[Sequence[str]], separator: str
) -> list[str] | None:
    """Names of the columns in the last comment above rows of numbers, as numpy writes them."""
    if not COMMENT.match(line):
        return None
    (above,) = _rows(path, [COMMENT.sub("", line).strip()], separator) or [[]]
    headed = len(above) == _width(rows) and _numbers(rows[:1]) > 0 and _numbers([above]) == 0
    return above if headed else None


def _separator(path: Path, lines: Sequence[str]) -> str:
    """The separator that cuts the lines into rows of equal length, of numbers if there are some."""
    best, score = NONE, (0.0, 0.0, 1)
    for separator in (*SEPARATORS, SPACES):
        rows = _rows(path, lines, separator)
        width = _width(rows)
        if width < 2:
            continue
        same = sum(len(row) in (width, width - 1) for row in rows) / len(rows)
        numbers = _numbers(rows[1:])
        if separator == SPACES and (best != NONE or numbers < 0.5):
            continue
        if (same >= MOSTLY or len(rows[0]) == width) and (
            found := (round(same, 2), numbers, width)
        ) > score:
            best, score = separator, found
    return best


def _rows(path: Path, lines: Sequence[str], separator: str) -> list[list[str]]:
    if separator == SPACES:
        return [line.split() for line in lines[:SAMPLE] if line.strip()]
    try:
        whole = csv.reader(lines, delimiter=separator)
        rows = (row for row in whole if row and not (len(row) == 1 and COMMENT.match(row[0])))
        return [row for row, _ in zip(rows, range(SAMPLE), strict=False)]
    except csv.Error as error:
        raise ValueError(f"{path}: {error}") from error


def _width(rows: Sequence[Sequence[str]]) -> int:
    """The number of columns that most rows have."""
    return Counter(map(len, rows)).most_common(1)[0][0] if rows else 0


def _numbers(rows: Sequence[Sequence[str]]) -> float:
    """Share of cells that are numbers."""
    cells = [cell for row in rows for cell in row]
    return sum(bool(notations([cell])) for cell in cells) / max(len(cells), 1)
