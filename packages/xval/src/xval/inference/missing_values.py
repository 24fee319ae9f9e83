"""Fill the missing values of a table by a network that was trained on tables like it."""

import csv
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sciformer.arguments import ArgumentError
from sciformer.evaluation.conformal import SHARE
from sciformer.evaluation.run import TrainedRun
from sciformer.files import write_atomically
from xval.data.field_names import matches
from xval.data.marked import HOLE, Marked
from xval.data.name_lists import listed
from xval.data.readers.open import DIALECT, open_table
from xval.data.rows import row_texts
from xval.inference.answer import answers
from xval.inference.calibration import calibrated

if TYPE_CHECKING:
    from xval.module import XValModule

COLUMNS = ("row", "field", "answer", "low", "median", "high")


class Filled(NamedTuple):
    """An answer for a cell that had no value.

    Args:
        row: Line in the file; for parquet and the like the row, from 1.
        field: Column.
        answer: The number.
        low: Lower end of the interval; NaN without the validation texts of the training.
        median: Median of the distribution; NaN likewise.
        high: Upper end of the interval.
    """

    row: int
    field: str
    answer: float
    low: float
    median: float
    high: float


def fill_missing(run: "TrainedRun[XValModule]", path: str, share: float = SHARE) -> list[Filled]:
    """Predict the missing targets of a table's rows, laid out as those of the training.

    Args:
        run: The run, trained on a table.
        path: Path of the table; columns in any order, those of the targets may be left out.
        share: Share of the intervals that should hold the true value (see ``Intervals``).

    Returns:
        One answer for each missing target, in the order of the rows.

    Raises:
        ValueError: If the run was not trained on a table, or there is nothing to fill.
    """
    entry = _layout(run.settings)
    given = {name: entry[name] for name in DIALECT if entry.get(name) is not None}
    given.pop("names", None)
    table = open_table(Path(path), entry["types"], **given)
    aside = {entry.get("id"), *(entry.get("labels") or ())}
    if unknown := [name for name in table.columns if name not in (*entry["columns"], *aside)]:
        warnings.warn(f"{path}: not in the training, left out: {listed(unknown)}", stacklevel=2)
    holes = _targets(run.settings, entry)
    table.add_missing(entry["columns"])
    texts = row_texts(table, entry["columns"], 0, len(table.lines), holes)
    asked = [(n, t) for n, t in enumerate(texts) if isinstance(t, Marked) and HOLE in t.cut.numbers]
    if not asked:
        raise ArgumentError("rows", f"{path}: no value of {', '.join(holes)} is missing")
    intervals = calibrated(run, share)
    found = []
    for (row, text), told in zip(
        asked, answers(run.module, [t for _, t in asked], intervals), strict=True
    ):
        pairs = zip(text.fields, text.cut.numbers, strict=True)
        fields = [field for field, number in pairs if number == HOLE]
        for field, number, *spread in zip(fields, *told, strict=True):
            found.append(Filled(int(table.lines[row]), field, number, *spread))
    _say_few(found)
    return found


def _say_few(found: Sequence[Filled]) -> None:
    """Name the fields whose answers have no interval."""
    for field in dict.fromkeys(each.field for each in found if math.isnan(each.low)):
        warnings.warn(f"{field}: too few validation texts: no interval", stacklevel=3)


def write_filled(path: Path, filled: Sequence[Filled]) -> None:
    """Write answers as a CSV file."""

    def write(place: Path) -> None:
        with place.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(COLUMNS)
            out.writerows(shown(each) for each in filled)

    write_atomically(path, write)


def shown(filled: Filled) -> list[str]:
    """An answer as written: with the digits of float32; empty where there is no interval."""
    numbers = ("" if math.isnan(x) else f"{np.float32(x):.7g}" for x in filled[2:])
    return [str(filled.row), filled.field, *numbers]


def _layout(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    tables = [each for each in settings.get("files") or () if isinstance(each, dict)]
    for entry in tables:
        if entry.get("types") is not None and entry.get("columns") is not None:
            return entry
    raise ArgumentError("rows", "the network was not trained on a table")


def _targets(settings: Mapping[str, Any], entry: Mapping[str, Any]) -> list[str]:
    """Columns of numbers that the training asked for; all if it asked for none."""
    patterns = settings.get("answers") or entry.get("answers") or ["*"]
    numbers = [name for name in entry["columns"] if entry["types"].get(name) == "number"]
    return [name for name in numbers if any(matches(each, name, name) for each in patterns)]
