"""Read catalogs: CSV, ECSV, FITS, parquet, HDF5 or npz tables of one row per galaxy."""

import csv
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from astroclip.data.readers.column_names import TRACTOR, checked_ids, columns, desi_targets, text
from astroclip.data.readers.column_names import column as named_column
from astroclip.data.readers.fits import FITSFile, is_fits, is_scalar
from astroclip.data.source import Positions
from sciformer.data.hdf5 import HDF5
from sciformer.data.npy import read_arrays
from sciformer.data.open_files import reading
from sciformer.data.parquet import open_parquet

TEXTS = (".csv", ".ecsv", ".tsv", ".txt", ".dat")
SUFFIXES = (*TEXTS, ".fits", ".parquet", ".hdf5", ".h5", ".npz")
SEPARATORS = ("\t", ";", ",")  # that a header may have; else it is separated by spaces
# What stands for a value that is not known; case does not matter.
MISSING = frozenset(("", "--", "-", "?", "nan", "na", "n/a", "null", "none", "masked"))
Columns = Mapping[str, np.ndarray]  # numbers, or objects: text, None where masked


class Catalog(NamedTuple):
    """Positions of galaxies.

    Args:
        ids: Their ids.
        positions: Right ascension and declination in degrees.
    """

    ids: list[str]
    positions: Positions


def read_columns(path: Path) -> Columns:
    """Read the columns of a catalog that have one value per row.

    Args:
        path: CSV, ECSV, TSV, FITS, parquet, HDF5 or npz.

    Returns:
        Name -> values: numbers (NaN where masked), or text in an object array (None where masked).

    Raises:
        ValueError: If it does not exist, cannot be read or is no table.
    """
    readers: Mapping[str, Callable[[Path], Columns]] = {
        ".parquet": _parquet, ".hdf5": _hdf5, ".h5": _hdf5, ".npz": read_arrays,
    }  # fmt: skip
    if is_fits(path):
        found = _fits(path)
    elif path.suffix in readers:
        found = readers[path.suffix](path)
    elif path.suffix in TEXTS:
        found = _text(path)
    else:
        raise ValueError(f"{path}: a catalog is one of {', '.join(SUFFIXES)}")
    count = max((len(values) for values in found.values() if values.ndim), default=0)
    return {name: _plain(v) for name, v in found.items() if v.ndim == 1 and len(v) == count}


def read_catalog(path: Path) -> Catalog:
    """Read ids and positions.

    Args:
        path: A catalog with right ascension and declination in degrees.

    Returns:
        The rows with a position; without a column of ids, these are made of the position.

    Raises:
        ValueError: If it cannot be read, or has no positions.
    """
    found = read_columns(path)
    names = columns(found, "ra", "dec")
    if names is None:
        raise ValueError(f"{path}: ra, dec: no such columns; there are {', '.join(found)}")
    both = [_numbers(path, name, found[name]) for name in names]
    known = np.isfinite(both[0]) & np.isfinite(both[1])
    positions = np.stack(both, 1)[known]
    own = ids_of(path, found)
    ids = [position_id(*row) for row in positions.tolist()] if own is None else own
    if own is not None:
        ids = [id for id, there in zip(own, known.tolist(), strict=True) if there]
    return Catalog(ids, positions)


def ids_of(path: Path, found: Columns) -> list[str] | None:
    """Ids of a catalog's rows; None if it has no column of ids.

    Tractor's objid counts the objects of a brick: with release and brickid it is the TARGETID of
    DESI, which is the id then.
    """
    small = {name.lower(): values for name, values in found.items()}
    if small.keys() >= set(TRACTOR):
        return [str(target) for target in desi_targets(small).tolist()]
    name = named_column(found, "id")
    if name is None:
        return None
    return [text(id) for id in checked_ids(found[name], f"{path}: {name}").tolist()]


def position_id(ra: float, dec: float) -> str:
    """An id made of a position."""
    return f"{ra:.5f}{dec:+.5f}"


def _numbers(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{path}: {name}: {values.dtype} is no number")
    return values.astype(np.float64)


def _plain(values: np.ndarray) -> np.ndarray:
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


def _text(path: Path) -> Columns:
    """CSV, TSV, or ECSV, whose description in comments is not needed."""
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


def _fits(path: Path) -> Columns:
    """The first table with ids or positions, or else the first one."""
    file = FITSFile(path)
    try:
        tables = [part for part in file.parts if file.is_table(part)]
        if not tables:
            raise ValueError(f"{path}: no table in any HDU")
        known = (t for t in tables if _known([str(name) for name in t.columns.names]))
        found = next(known, tables[0])
        names = [str(one.name) for one in found.columns if is_scalar(one)]
        return {name: _masked(file.column(found, name), found.columns[name].null) for name in names}
    finally:
        file.files.close()


def _known(names: list[str]) -> bool:
    return named_column(names, "id") is not None or columns(names, "ra", "dec") is not None


def _masked(values: np.ndarray, null: object) -> np.ndarray:
    """Integers with NaN where FITS' TNULL is."""
    if null is None or values.dtype.kind not in "iu" or not (values == null).any():
        return values
    return np.where(values == null, np.nan, values)


def _parquet(path: Path) -> Columns:
    with open_parquet(path) as file, reading(path, "cannot be read"):
        schema = file.schema_arrow
        names = [name for name in schema.names if not pa.types.is_nested(schema.field(name).type)]
        table = file.read(names)
    return {name: _arrow(table[name].combine_chunks()) for name in names}


def _arrow(values: pa.Array) -> np.ndarray:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_integer(values.type) and values.null_count == 0:
        return values.to_numpy(zero_copy_only=False)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(values.type) and values.null_count == 0:
        return values.to_numpy(zero_copy_only=False)
    known = values.to_pylist()
    return np.array([None if one is None else text(one) for one in known] + [None], object)[:-1]


def _hdf5(path: Path) -> Columns:
    with HDF5(path) as file:
        names = [name for name in file.arrays() if len(file.shape(name)) == 1]
        return {name: file.read(name) for name in names}
