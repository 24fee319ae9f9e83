"""Tables that are text, and what their columns hold; needs no torch."""

import csv
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

import numpy as np

from astroclip.data.readers.column_names import TRACTOR, checked_ids, column, desi_targets, text

TEXTS = (".csv", ".ecsv", ".tsv", ".txt", ".dat")
SEPARATORS = ("\t", ";", ",")  # that a header may have; else it is separated by spaces
# What stands for a value that is not known; case does not matter.
MISSING = frozenset(("", "--", "-", "?", "nan", "na", "n/a", "null", "none", "masked"))
Columns = Mapping[str, np.ndarray]  # numbers, or objects: text, None where masked


def ids_of(path: Path, found: Columns) -> list[str] | None:
    """Ids of a catalog's rows; None if it has no column of ids.

    Tractor's objid counts the objects of a brick: with release and brickid it is the TARGETID of
    DESI, which is the id then.
    """
    small = {name.lower(): values for name, values in found.items()}
    if small.keys() >= set(TRACTOR):
        return [str(target) for target in desi_targets(small).tolist()]
    name = column(found, "id")
    if name is None:
        return None
    return [text(id) for id in checked_ids(found[name], f"{path}: {name}").tolist()]


def plain(values: np.ndarray) -> np.ndarray:
    """Text as objects, None where it stands for nothing; text of numbers alone as numbers."""
    if values.dtype.kind not in "SUOT":
        return values
    said = [None if value is None else text(value) for value in values.tolist()]
    known = [None if one is None or one.lower() in MISSING else one for one in said]
    if not known:
        return np.array([], object)
    try:
        whole = [int(one) for one in known if one is not None]
        if [str(one) for one in whole] == known:
            return np.array(whole, np.int64)  # ids of 17 digits stay exact, 007 stays text
    except (ValueError, OverflowError):
        pass
    try:
        return np.array([np.nan if one is None else float(one) for one in known])
    except ValueError:
        return np.array(known, object)


def read_text(path: Path) -> Columns:
    """Read CSV, TSV, or ECSV, whose description in comments is not needed.

    Args:
        path: The file.

    Returns:
        Name -> texts, in an object array.

    Raises:
        ValueError: If it does not exist, or its rows differ in length.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = (line for line in file if line.strip() and not line.startswith("#"))
        first = next(lines, "")
        separator = next((one for one in SEPARATORS if one in first), " ")
        rows = csv.reader(chain([first], lines), delimiter=separator, skipinitialspace=True)
        header = [name.strip() for name in next(rows, [])]
        values: list[list[str]] = []
        for number, row in enumerate(rows, 2):
            if len(row) != len(header):
                said = f"{len(row)} values for {len(header)} columns"
                raise ValueError(f"{path}: row {number}: {said}")
            values.append(row)
    turned: Iterable[tuple[str, ...]] = zip(*values, strict=True) if values else ((),) * len(header)
    return {name: np.array(each, object) for name, each in zip(header, turned, strict=True)}
