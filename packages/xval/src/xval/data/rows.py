"""Rows of a table as texts: ``{'column':value,...}``, with the columns as fields."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int64

from sciformer.arguments import ArgumentError
from sciformer.data.splits import WORDS
from xval.data.dates import read_dates
from xval.data.marked import HOLE, Marked, record
from xval.data.readers.column_types import KINDS
from xval.data.readers.json_table import TEXTS
from xval.data.readers.open import open_table
from xval.data.readers.table import Table, plain
from xval.simulate.text import Texts, Verbatim

SPLIT = "split"  # a label that says the split


class Rows(NamedTuple):
    """Samples of a file.

    Args:
        texts: Function that returns the texts, with labels, from one index to another.
        lines: Line of each sample in the file.
        layout: Options that read another file like this one: ``columns`` and ``types``.
        notes: What was decided in reading that a user may want to know.
    """

    texts: Callable[[int, int], Texts]
    lines: Int64[np.ndarray, " texts"]
    layout: dict[str, Any]
    notes: list[str]


def read_rows(
    path: Path | pd.DataFrame,
    columns: Sequence[str] | None = None,
    text: Sequence[str] = (),
    id: str | None = None,
    labels: Sequence[str] = (),
    by: str | None = None,
    types: Mapping[str, str] | None = None,
    **dialect: Any,
) -> Rows:
    """Read a table with one sample per row.

    Args:
        path: Path of a file, see ``open_table``; or a DataFrame.
        columns: Columns to write, in this order; None writes all but ``id`` and ``labels``. Other
            columns may hold anything.
        text: Columns that are text, even if they look like numbers.
        id: Column with sample ids, for splits; None uses the text itself.
        labels: Label columns, which splits can use; a column ``split`` of names of splits is one.
        by: A further label column, used if it exists.
        types: Types of columns, see ``Table.set_types``; the others are found.
        **dialect: ``separator``, ``decimal``, ``missing``, ``encoding``, ``names``.

    Returns:
        The samples. Columns with missing values are left out of a text.

    Raises:
        ValueError: Naming file, row, column and value that cannot be read.
    """
    table = open_table(path, {**(types or {}), **dict.fromkeys(text, "text")}, **dialect)
    said = {"columns": columns or (), "text": text, "labels": labels, "id": [id] if id else ()}
    for argument, names in {**said, "types": types or ()}.items():
        try:
            table.check(list(names))
        except ValueError as error:
            raise ArgumentError(argument, str(error)) from error
    if by not in (None, "id", *labels) and by in table.columns:
        labels = [*labels, by]
    given = _split_column(table, columns or ())
    labels = list(dict.fromkeys([*labels, *given]))
    aside = {*labels, *([] if id is None else [id])}
    chosen = [name for name in table.columns if name not in aside] if columns is None else columns
    kinds = {name: table.type(name) for name in chosen if name != TEXTS}
    notes = [*table.notes, *(f"column {name!r}: {k.note}" for name, k in kinds.items() if k.note)]

    def texts(first: int, stop: int) -> Texts:
        found = row_texts(table, chosen, first, stop)
        own = {name: _label(table, name, first, stop) for name in labels}
        own["id"] = [each.cut.join() if isinstance(each, Marked) else each for each in found]
        if id is not None:
            own["id"] = _label(table, id, first, stop)
        own |= {SPLIT: own[name] for name in given}  # noqa: B035  # one at most
        return Texts(found, own)

    layout = {"columns": list(chosen), "types": _given(kinds)}
    return Rows(texts, table.lines, layout, notes)


def row_texts(
    table: Table, columns: Sequence[str], first: int, stop: int, holes: Sequence[str] = ()
) -> list[str | Marked]:
    """Texts of consecutive rows.

    Args:
        table: The table.
        columns: Columns to write, in this order.
        first: Index of the first row.
        stop: Index after the last row.
        holes: Columns whose missing values are to be filled.

    Returns:
        The texts; a line of JSON that is a text is that text.
    """
    there = {name: table.values(name, first, stop) for name in columns}
    prose = {name for name in columns if table.type(name).kind == "prose"}
    found: list[str | Marked] = []
    for values in zip(*there.values(), strict=True):
        row = dict(zip(there, values, strict=True))
        if row.get(TEXTS) is not None:
            found.append(row[TEXTS])
            continue
        row |= {name: Verbatim(HOLE) for name in holes if row[name] is None}
        found.append(record({n: each for n, each in row.items() if each is not None}, prose))
    return found


def _split_column(table: Table, columns: Sequence[str]) -> list[str]:
    """The column ``split``, if there is one that holds nothing but names of splits."""
    return [
        name
        for name in table.columns
        if name.lower() == SPLIT
        and name not in columns
        and {cell.strip().lower() for cell in table.cells[name]} <= WORDS.keys()
    ][:1]


def _given(kinds: Mapping[str, Any]) -> dict[str, str]:
    """Types as a user would give them."""
    found = {}
    for name, kind in kinds.items():
        if kind.kind == "date" and "%" in kind.form:
            found[name] = kind.form
        elif kind.kind in KINDS:
            found[name] = kind.kind
    return found


def _label(table: Table, name: str, first: int, stop: int) -> list[str]:
    """Values of a label column; a date as ISO."""
    cells = [plain(cell) for cell in table.cells[name].iloc[first:stop]]
    for row, cell in enumerate(cells, first):
        if not cell.strip():
            raise ValueError(f"{table.place(row)}: column {name!r}: no value")
    form = table.type(name).form
    times = read_dates(cells, form) if form else None
    return cells if times is None else np.datetime_as_string(times, "s").tolist()
