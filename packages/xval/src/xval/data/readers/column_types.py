"""What a column of a table holds: numbers, text, categories or dates, decided by all its cells."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from xval.data.dates import date_format
from xval.data.readers.dialect import Dialect
from xval.data.readers.number_notation import Decimal, Notation, choose, evidence, notations
from xval.simulate.text import Verbatim

TEXTS = ("text", "category", "prose")
KINDS = ("number", "date", *TEXTS)
NESTED = "nested"  # lists and objects of JSON
EMPTY = "empty"  # no cell has a value
MARKERS = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "null", "None", "none", "NaN", "nan")
MARKERS += ("NAN", "\\N", "?")
AMONG_NUMBERS = ("-", "--", "---", ".", "..", "...", "*", "na", "n.a.", "N.A.", "n.d.", "missing")
AMONG_NUMBERS += ("\u2013", "\u2014", "#DIV/0!", "#VALUE!", "#REF!", "NaT")
SEEN = 1000  # different cells of a text column that are looked at for a note
CODES = 10  # different codes of two capitals: then NA is Namibia
NAMES = "names"
WHOLE = re.compile(r"-?[0-9]{1,300}")
SINGLE, DOUBLE = 2**24, 2**53  # whole numbers up to here are exact in float32, float64


class ColumnType(NamedTuple):
    """Type of a column.

    Args:
        kind: ``number``, ``date``, ``text``, ``category``, ``prose`` (text whose numbers count),
            ``nested`` or ``empty``.
        missing: Cells that count as missing.
        notation: How its numbers are written.
        form: Format of its dates, as of ``strptime``; empty where day and month cannot be told.
        note: What was decided that a user may want to know; else empty.
    """

    kind: str
    missing: frozenset[str] = frozenset([""])
    notation: Notation = Notation()
    form: str = ""
    note: str = ""

    def read(self, cell: Any) -> Any:
        """Value of a cell: a number in plain notation, or the text; None if it is missing.

        Args:
            cell: The cell as written.

        Returns:
            The value.

        Raises:
            ValueError: If it is no number, in a column of numbers.
        """
        if not isinstance(cell, str):
            return cell
        if cell.strip() in self.missing:
            return None
        if self.kind != "number":
            return cell
        number = self.notation.read(cell)
        if number is None:
            raise ValueError(f"{cell!r} is no number")
        return Verbatim(number)


def decimals_of(columns: Iterable[pd.Series], dialect: Dialect) -> set[Decimal]:
    """Decimal separators that the columns of a file show."""
    markers = missing_markers(dialect, numbers=True)
    found: set[Decimal] = set()
    for column in columns:
        if decimal := evidence(_values(column, markers)):
            found.add(decimal)
    return found


def missing_markers(dialect: Dialect, numbers: bool) -> frozenset[str]:
    """Cells that count as missing: the user's, or the usual ones; more where numbers stand."""
    if dialect.missing is not None:
        return frozenset(["", *dialect.missing])
    return frozenset(MARKERS + AMONG_NUMBERS if numbers else MARKERS)


def type_of(
    cells: pd.Series, dialect: Dialect, known: set[Decimal], given: str | None = None
) -> ColumnType:
    """Decide what a column holds.

    Args:
        cells: All cells, as written.
        dialect: How the file is written.
        known: Decimal separators that the columns of the file show.
        given: The user's type, or a format of dates with ``%``.

    Returns:
        The type.

    Raises:
        ValueError: If its numbers can be read in two ways.
    """
    plain, markers = (missing_markers(dialect, numbers) for numbers in (False, True))
    if given is not None and "%" in given:
        return ColumnType("date", markers, form=given)
    if given in TEXTS:
        return ColumnType(str(given), plain)
    values = _values(cells, markers)
    form = date_format(values) if given != "number" else None
    if form is not None or given == "date":
        note = "" if form else "day and month cannot be told: say '%d/%m/%Y' or '%m/%d/%Y'"
        return ColumnType("date", markers, form=form or "", note=note)
    if given == "number":  # a cell that is none is named where it is read
        numbers = [each for each in values if notations([each])]
        return _numbers(cells, numbers, dialect, known, markers, forced=True)
    if values and notations(values):
        return _numbers(cells, values, dialect, known, markers, forced=False)
    return _texts(cells, values, plain)


def _values(cells: pd.Series, markers: frozenset[str]) -> list[str]:
    """Different cells that are not missing."""
    return [cell for cell in cells.unique().tolist() if cell.strip() not in markers]


def _numbers(
    cells: pd.Series,
    values: Sequence[str],
    dialect: Dialect,
    known: set[Decimal],
    markers: frozenset[str],
    forced: bool,
) -> ColumnType:
    found = notations(values)
    if dialect.decimal is not None:
        found = [each for each in found if each.decimal == dialect.decimal]
    if not found:
        return ColumnType("number" if forced else "text", markers, Notation(dialect.decimal or "."))
    notation = choose(values, found, dialect.separator, known)
    if notation is None:
        marked = next(each for each in values if {".", ","} & set(each))
        one, other = (way.read(marked) for way in found)
        raise ValueError(f"{marked!r} is {one} or {other}: say decimal: '.' or ','")
    read = [notation.read(each) or "" for each in values]
    note = _rounding(read, distinct=len(values) == int((~cells.isin(markers)).sum()))
    if note.startswith(NAMES) and not forced:
        return ColumnType("text", missing_markers(dialect, numbers=False), note=note)
    unit = notation.before or notation.after
    return ColumnType("number", markers, notation, note=f"without its {unit}" if unit else note)


def _rounding(numbers: Sequence[str], distinct: bool) -> str:
    """What float32 does to whole numbers: those of a column without any twice are names."""
    if not all(WHOLE.fullmatch(number) for number in numbers):
        return ""
    read = np.array([float(number) for number in numbers])
    if np.abs(read).max(initial=0) <= SINGLE:
        return ""
    merged = len(np.unique(read.astype(np.float32))) < len(np.unique(read))
    if np.abs(read).max() > DOUBLE or (merged and distinct):
        return f"{NAMES}, as float32 takes some of these whole numbers for equal; or say number"
    return "rounded to the 7 digits of float32"


def _texts(cells: pd.Series, values: Sequence[str], plain: frozenset[str]) -> ColumnType:
    texts = _values(cells, plain)
    codes = sum(len(each) == 2 and each.isalpha() and each.isupper() for each in texts)
    if codes >= CODES and codes == len(texts):
        plain -= {"NA"}
    if not texts:
        return ColumnType(EMPTY, plain)
    some = values[:SEEN]
    bad = [each for each in some if not notations([each])]
    note = ""
    if len(bad) * 2 < len(some):
        note = (
            f"{len(some) - len(bad)} of {len(some)} different cells are numbers, {bad[0]!r} is none"
        )
        note += f"; missing: [{bad[0]!r}] leaves it out" if len(bad) == 1 else ""
    elif values and all(each.strip().isdigit() for each in some):
        note = "names, as some have leading zeros"
    return ColumnType(text_kind(len(texts), len(cells)), plain, note=note)


def text_kind(different: int, cells: int) -> str:
    """Texts that are there twice on average are categories."""
    return "category" if 2 * different <= cells else "text"
