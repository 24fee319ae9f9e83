"""Read catalogs: CSV, ECSV, FITS, parquet, HDF5 or npz tables of one row per galaxy."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from astroclip.data.readers.column_names import column as named_column
from astroclip.data.readers.column_names import columns, text
from astroclip.data.readers.fits import FITSFile, is_fits, is_scalar
from astroclip.data.readers.text_table import TEXTS, Columns, ids_of, plain, read_text
from astroclip.data.source import Positions
from sciformer.data.hdf5 import HDF5
from sciformer.data.npy import read_arrays
from sciformer.data.open_files import reading
from sciformer.data.parquet import open_parquet

SUFFIXES = (*TEXTS, ".fits", ".parquet", ".hdf5", ".h5", ".npz")


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
        found = read_text(path)
    else:
        raise ValueError(f"{path}: a catalog is one of {', '.join(SUFFIXES)}")
    count = max((len(values) for values in found.values() if values.ndim), default=0)
    return {name: plain(v) for name, v in found.items() if v.ndim == 1 and len(v) == count}


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


def position_id(ra: float, dec: float) -> str:
    """An id made of a position."""
    return f"{ra:.5f}{dec:+.5f}"


def _numbers(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{path}: {name}: {values.dtype} is no number")
    return values.astype(np.float64)


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
