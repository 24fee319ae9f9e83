"""Read rows of CSV and JSON-lines files as texts."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sciformer.arguments import ArgumentError
from xval.encodings.numbers_in_text import cut
from xval.simulate.text import Texts, Verbatim, written

DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
BYTE_ORDER_MARK = "\ufeff"


class Table(NamedTuple):
    """Rows of a file, with values as written in the file.

    Args:
        path: Path of the file.
        columns: Names of the columns.
        rows: Values; an empty string is missing.
        lines: Line number at which each row ends, from 1.
    """

    path: Path
    columns: list[str]
    rows: list[list[str]]
    lines: list[int]

    def place(self, row: int) -> str:
        """Describe a row in an error."""
        return f"{self.path}: row {self.lines[row]}"

    def column(self, name: str) -> int:
        """Index of a column.

        Args:
            name: Name of the column.

        Returns:
            Its index.

        Raises:
            ValueError: If there is no such column.
        """
        if name not in self.columns:
            raise ValueError(f"{self.path}: no column {name!r}; it has {', '.join(self.columns)}")
        return self.columns.index(name)


class Rows(NamedTuple):
    """Texts, and the line of each in the file."""

    texts: Texts
    lines: list[int]


def read_rows(
    path: Path,
    columns: Sequence[str] | None = None,
    text: Sequence[str] = (),
    id: str | None = None,
    labels: Sequence[str] = (),
    by: str | None = None,
) -> Rows:
    """Read a file with one sample per row, as ``{'column':value,...}`` or its line of JSON.

    Args:
        path: Path of a CSV, TSV or JSON-lines file.
        columns: Columns to write, in this order; None writes all but ``id`` and ``labels``.
        text: Columns to treat as text even if the values look like numbers.
        id: Column with sample ids, for splits; None uses the text itself.
        labels: Label columns, which splits can use.
        by: A further label column, used if it exists.

    Returns:
        The texts. Columns with missing values are left out of a text.

    Raises:
        ValueError: Naming file, row, column and value that cannot be read.
    """
    if path.suffix in JSON_LINES:
        records, lines = _json_records(path)
    else:
        table = read_table(path)
        records, lines = list(_csv_records(table, text)), table.lines
    known = dict.fromkeys(key for record in records if isinstance(record, dict) for key in record)
    said = {"columns": columns or (), "text": text, "labels": labels, "id": [id] if id else ()}
    for argument, names in said.items():
        for name in names:
            if name not in known:
                reason = f"{path}: no column {name!r}; it has {', '.join(known)}"
                raise ArgumentError(argument, reason)
    if by is not None and by in known and by not in labels:
        labels = [*labels, by]
    aside = {*labels, *([] if id is None else [id])}
    chosen = [name for name in known if name not in aside] if columns is None else columns
    texts = [_text(record, chosen, text) for record in records]
    found = {name: _label(path, records, lines, name) for name in labels}
    found["id"] = texts if id is None else _label(path, records, lines, id)
    return Rows(Texts(texts, found), lines)


def read_table(path: Path) -> Table:
    """Read a CSV or TSV file with column names in the first row.

    Args:
        path: Path of the file.

    Returns:
        The table.

    Raises:
        ValueError: If there are no rows, or a row has a wrong number of values.
    """
    if path.suffix not in DELIMITERS:
        kinds = ", ".join([*DELIMITERS, *JSON_LINES])
        raise ValueError(f"{path}: what ends in {path.suffix!r} is none of {kinds}")
    reader = csv.reader(_lines(path), delimiter=DELIMITERS[path.suffix], strict=True)
    rows, lines, header = [], [], None
    try:
        for row in reader:
            if header is None:
                header = _header(path, row)
            elif row:  # csv has a list without values for an empty line
                _check_ragged(f"{path}: row {reader.line_num}", row, header)
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f"{path}: row {reader.line_num}: {error}") from error
    if header is None:
        raise ValueError(f"{path}: the file is empty")
    if not rows:
        raise ValueError(f"{path}: there are no rows below the names of the columns")
    return Table(path, header, rows, lines)


def number(value: str, place: str, column: str) -> str:
    """Normalize the notation of a number.

    Args:
        value: Number as written in the file.
        place: Description of its row, for errors.
        column: Name of its column, for errors.

    Returns:
        The number without spaces, a leading ``+`` and a trailing decimal point.

    Raises:
        ValueError: If the value is not a number.
    """
    found = as_number(value)
    if found is None:
        raise ValueError(f"{place}: column {column!r}: {value!r} is no number")
    return found


def as_number(value: str) -> str | None:
    """Normalized number if the text parser reads the value as one; None if it is text."""
    value = value.strip().removeprefix("+").removesuffix(".")
    words, numbers = cut(f"'':{value},")
    return value if words == ["'':", ","] and numbers == [value] else None


def _lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 file."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    with path.open("rb") as file:
        for number_, raw in enumerate(file, 1):
            try:
                line = raw.decode()
            except UnicodeDecodeError as error:
                bad = raw[error.start : error.end]
                raise ValueError(f"{path}: row {number_}: {bad!r} is not UTF-8") from error
            yield line.removeprefix(BYTE_ORDER_MARK) if number_ == 1 else line


def _header(path: Path, row: list[str]) -> list[str]:
    names: dict[str, None] = {}
    for name in (name.strip() for name in row):
        if not name:
            raise ValueError(f"{path}: row 1: column {len(names) + 1} has no name")
        if name in names:
            raise ValueError(f"{path}: row 1: column {name!r} is there twice")
        names[name] = None
    return list(names)


def _check_ragged(place: str, row: list[str], header: list[str]) -> None:
    if len(row) < len(header):
        raise ValueError(f"{place}: column {header[len(row)]!r}: no value")
    if len(row) > len(header):
        extra = row[len(header)]
        raise ValueError(f"{place}: column {len(header) + 1}: {extra!r} is below no name")


def _csv_records(table: Table, text: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows as dictionaries. A column is numeric if its first value is a number."""
    kinds: dict[str, bool] = dict.fromkeys(text, False)
    for index, row in enumerate(table.rows):
        record = {}
        for name, value in zip(table.columns, row, strict=True):
            if not value.strip():
                continue
            if kinds.setdefault(name, as_number(value) is not None):
                record[name] = Verbatim(number(value, table.place(index), name))
            else:
                record[name] = value
        yield record


def _json_records(path: Path) -> tuple[list[Any], list[int]]:
    records, lines = [], []

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number")

    for line_number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(
                line, parse_float=Verbatim, parse_int=Verbatim, parse_constant=refuse
            )
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: row {line_number}: not JSON: {error}") from error
        if not isinstance(record, (dict, str)):
            raise ValueError(f"{path}: row {line_number}: neither an object nor a string")
        records.append(record)
        lines.append(line_number)
    if not records:
        raise ValueError(f"{path}: the file is empty")
    return records, lines


def _text(record: Any, columns: Sequence[str], text: Sequence[str]) -> str:
    if isinstance(record, str):
        return record
    there = {name: record[name] for name in columns if name in record}
    return written({n: _plain(v) if n in text else v for n, v in there.items()})


def _label(path: Path, records: Sequence[Any], lines: Sequence[int], name: str) -> list[str]:
    values = []
    for record, line in zip(records, lines, strict=True):
        if not isinstance(record, Mapping) or name not in record:
            raise ValueError(f"{path}: row {line}: column {name!r}: no value")
        values.append(_plain(record[name]))
    return values


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else written(value)
