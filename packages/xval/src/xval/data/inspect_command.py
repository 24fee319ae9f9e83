"""``xval inspect``: how a table is read: its dialect, the columns and what was decided."""

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table as Shown

from sciformer.report.terminal import literal
from xval.data.dates import read_dates
from xval.data.readers.open import is_delimited, open_table
from xval.data.readers.table import Table
from xval.encodings.numbers_in_text import value

EXAMPLE = 24  # characters of a cell
SENTINELS = (-9, -99, -999, -9999, -99999, 9999, 99999)  # numbers that may stand for missing ones


def inspect(
    file: str,
    separator: str | None = None,
    decimal: str | None = None,
    missing: list[str] | None = None,
    encoding: str | None = None,
    types: dict[str, str] | None = None,
) -> None:
    """Show how a table is read, and the lines of a configuration that read it otherwise.

    Args:
        file: CSV, TSV, other delimited text, JSON, parquet or Arrow file.
        separator: Separator of the columns.
        decimal: Decimal separator, ``.`` or ``,``.
        missing: Cells that count as missing.
        encoding: Encoding of the text.
        types: Column -> ``number``, ``text``, ``category``, ``date``, ``prose`` or a format of
            dates such as ``%d/%m/%Y``.

    Raises:
        ValueError: If it is no table.
    """
    given = {"separator": separator, "decimal": decimal, "missing": missing, "encoding": encoding}
    table = open_table(Path(file), types, **given)
    shown = Shown("column", "type", "range", "missing", "example")
    for name in table.columns:
        shown.add_row(*map(literal, (name, *described(table, name))))
    console = Console()
    console.print(literal(f"{file}: {len(table.lines)} rows, {len(table.columns)} columns"))
    if is_delimited(Path(file)):
        of = table.dialect
        console.print(literal(f"separator {of.separator!r}, encoding {of.encoding}"))
    console.print(shown)
    for note in [*table.notes, *notes(table)]:
        console.print(literal(f"note: {note}"), soft_wrap=True)
    console.print(literal(f"to read it otherwise: {override(file, table)}"), soft_wrap=True)


def described(table: Table, name: str) -> tuple[str, str, str, str]:
    """Type, range, number of missing values and example of a column.

    Args:
        table: The table.
        name: The column.

    Returns:
        What is shown; a column that can be read in two ways has the question as its range.
    """
    try:
        kind, values = table.type(name), table.values(name)
    except ValueError as error:
        return "?", str(error).partition(": ")[2], "", table.cells[name].iloc[0][:EXAMPLE]
    there = [each for each in values if each is not None]
    span = ""
    if kind.kind == "number" and there:
        numbers = [value(each.text) for each in there]
        span = f"{min(numbers):.7g} to {max(numbers):.7g}"
    elif kind.kind == "date" and kind.form and there:
        times = read_dates(there, kind.form)
        days = np.datetime_as_string(times, "D") if times is not None else []
        span = f"{min(days)} to {max(days)}" if len(days) else ""
    elif kind.kind in ("text", "category"):
        span = f"{len(set(there))} different"
    example = getattr(there[0], "text", str(there[0])) if there else ""
    return kind.kind, span, str(len(values) - len(there)), example[:EXAMPLE]


def notes(table: Table) -> list[str]:
    """What was decided of the columns, and what may be wrong."""
    found = []
    for name in table.columns:
        try:
            kind = table.type(name)
        except ValueError:
            continue
        if kind.note:
            found.append(f"column {name!r}: {kind.note}")
        if kind.kind == "number" and kind.notation.decimal == ",":
            found.append(f"column {name!r}: decimal commas")
        if kind.kind == "number":
            numbers = [value(each.text) for each in table.values(name) if each is not None]
            for one in SENTINELS:
                rest = [each for each in numbers if each != one]
                if len(numbers) - len(rest) > 1 and rest and not min(rest) < one < max(rest):
                    count = len(numbers) - len(rest)
                    found.append(f"column {name!r}: {one} is there {count} times: missing?")
    return found


def override(file: str, table: Table) -> str:
    """Line of a configuration with everything that was decided, to be changed."""
    parts = [f"path: {file}", "missing: ['', 'NA']"]
    if is_delimited(Path(file)):
        decimals = sorted(table.decimals)
        parts.append(f"decimal: {decimals[0] if len(decimals) == 1 else '.'!r}")
        parts.append(f"separator: {table.dialect.separator!r}")
        parts.append(f"encoding: {table.dialect.encoding}")
    first = table.columns[0]
    return f"data: {{files: [{{{', '.join(parts)}, types: {{{first!r}: text}}}}]}}"
