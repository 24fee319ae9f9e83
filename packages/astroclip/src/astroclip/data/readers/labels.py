"""Labels of galaxies from tables: CSV, or PROVABGS in HDF5."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from astroclip.data.batch import Galaxy
from astroclip.data.readers.multimodal_universe import ID, text
from astroclip.data.source import Source, Wrapped
from sciformer.data.hdf5 import HDF5

MASS, SFR, METALS, AGE = "LOG_MSTAR", "AVG_SFR", "Z_MW", "TAGE_MW"  # columns of PROVABGS
LABELS: tuple[str, ...] = ("redshift", "log_mass", "log_ssfr", "age", "log_metallicity")
Table = Mapping[str, Mapping[str, float]]  # id -> name of a label -> its value


class Labelled(Wrapped):
    """Galaxies of a source with labels from a table.

    Args:
        source: The galaxies.
        table: Id -> name of a label -> value; not all galaxies need an entry.
    """

    def __init__(self, source: Source, table: Table) -> None:
        names = [*source.labels, *(name for labels in table.values() for name in labels)]
        super().__init__(source, tuple(dict.fromkeys(names)))
        self.table = table

    def read(self, number: int) -> Galaxy:
        galaxy = self.source.read(number)
        return galaxy._replace(labels={**galaxy.labels, **self.table.get(galaxy.id, {})})


def read_labels(path: Path) -> Table:
    """Read a table of labels.

    Args:
        path: CSV file with a header line and a column ``id``; or a PROVABGS catalog in HDF5.

    Returns:
        Id -> name of a label -> value, where known.

    Raises:
        ValueError: If the file cannot be read, a column is missing or a value is no number.
    """
    return dict(_csv(path)) if path.suffix == ".csv" else provabgs(HDF5(path))


def provabgs(file: HDF5) -> Table:
    """Labels from a PROVABGS catalog (arXiv 2202.01809).

    Args:
        file: The catalog.

    Returns:
        Id -> redshift, log10 stellar mass (solar masses), log10 specific star formation rate (1 /
            yr:
        rate over *mass*; the original divides by metallicity), age in Gyr and log10 metallicity,
        where known.

    Raises:
        ValueError: If a column is missing.
    """
    ids = file.read(ID)
    mass, rate, metals, age, redshift = (
        file.read(key, (), np.float64) for key in (MASS, SFR, METALS, AGE, "Z_HP")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = (redshift, mass, np.log10(rate) - mass, age, np.log10(metals))
    rows = zip(*(column.tolist() for column in columns), strict=True)
    known = (dict(zip(LABELS, row, strict=True)) for row in rows)
    return dict(zip(map(text, ids), known, strict=True))


def _csv(path: Path) -> Iterator[tuple[str, Mapping[str, float]]]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if "id" not in header:
            columns = ", ".join(header) or "none"
            raise ValueError(f"{path}: no column 'id'; it has {columns}")
        for row in filter(None, reader):  # an empty line has no value at all
            if len(row) != len(header):
                raise ValueError(
                    f"{path}: row {reader.line_num}: {len(row)} values for {len(header)} columns"
                )
            values = dict(zip(header, row, strict=True))
            name = values.pop("id")
            yield name, {key: _number(path, name, key, value) for key, value in values.items()}


def _number(path: Path, name: str, key: str, value: str) -> float:
    try:
        return float(value or "nan")
    except ValueError as error:
        raise ValueError(f"{path}: id {name}: {key}: {value!r} is no number") from error
