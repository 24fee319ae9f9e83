"""Labels of galaxies from catalogs; text columns are classes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from astroclip.data.batch import Galaxy
from astroclip.data.readers.catalogs import read_columns
from astroclip.data.readers.column_names import TRACTOR, column, columns, sure, text
from astroclip.data.readers.crossmatch import NONE, SEPARATION, nearest_within
from astroclip.data.readers.text_table import Columns, ids_of
from astroclip.data.source import Source, Wrapped, named

MASS, SFR, METALS, AGE = "LOG_MSTAR", "AVG_SFR", "Z_MW", "TAGE_MW"  # columns of PROVABGS
PROVABGS = ("Z_HP", MASS, SFR, AGE, METALS)
LABELS: tuple[str, ...] = ("redshift", "log_mass", "log_ssfr", "age", "log_metallicity")
REDSHIFT, SPLIT = "redshift", "split"
MOST = 100  # classes; text of more is a name


class Labelled(Wrapped):
    """Galaxies of a source with labels from catalogs.

    Args:
        source: The galaxies.
        values: Name of a label -> value for each galaxy, NaN where unknown.
        classes: Name of a label -> names of its classes, of which the values are numbers.
        splits: Split of each galaxy, None where a catalog does not say it.
    """

    def __init__(
        self,
        source: Source,
        values: Mapping[str, np.ndarray],
        classes: Mapping[str, Sequence[str]],
        splits: Sequence[str | None] | None = None,
    ) -> None:
        super().__init__(source, tuple(dict.fromkeys([*source.labels, *values])))
        self.values, self.splits = values, splits
        self.classes = {**source.classes, **classes}

    def split(self, number: int) -> str:
        own = None if self.splits is None else self.splits[number]
        return super().split(number) if own is None else str(own)

    def read(self, number: int) -> Galaxy:
        galaxy = self.source.read(number)
        own = {name: float(values[number]) for name, values in self.values.items()}
        known = {name: value for name, value in own.items() if np.isfinite(value)}
        return galaxy._replace(labels={**galaxy.labels, **known})


def labelled(
    source: Source, paths: Iterable[Path], where: str, radius: float | None = None
) -> Labelled:
    """Give galaxies the labels of catalogs, which are matched by id or else by position.

    Args:
        source: The galaxies.
        paths: CSV, ECSV, FITS, parquet or HDF5 tables with a column of ids, of any name, or of
            right ascension and declination; or PROVABGS catalogs.
        where: Name of the catalogs in errors.
        radius: Largest distance in arcsec of a match by position; ids are then ignored. None
            matches by id, and by position within 1 arcsec where no id matches.

    Returns:
        The galaxies with their labels.

    Raises:
        ValueError: If a catalog cannot be read, or matches no galaxy.
    """
    own = {id: number for number, id in enumerate(source.ids)}
    found: dict[str, np.ndarray] = {}
    example = "there is no row"
    for path in paths:
        with named(str(path)):
            catalog = read_columns(path)
            rows, key = matched(source, own, path, catalog, radius)
            there = rows != NONE
            if key in catalog and len(catalog[key]):
                example = f"such as {text(catalog[key][0])!r}"
            if there.any():
                splits = [(SPLIT, catalog[name]) for name in catalog if _splits(name)]
                for name, values in [*label_columns(catalog, key).items(), *splits]:
                    known = found.setdefault(name, np.full(len(source), None, object))
                    known[there] = values[rows[there]]
    if not found:
        known = f"{source.where}, such as {source.id(0)!r}"
        raise ValueError(f"{where}: id: none is that of a galaxy in {known}: {example}")
    given = found.pop(SPLIT, None)
    return Labelled(source, *_encoded(found), None if given is None else given.tolist())


def matched(
    source: Source,
    own: Mapping[str, int],
    path: Path,
    catalog: Columns,
    radius: float | None,
) -> tuple[np.ndarray, str]:
    """Row of a catalog for each galaxy, and the column that told it.

    Args:
        source: The galaxies.
        own: Id -> number of a galaxy.
        path: File of the catalog.
        catalog: Its columns.
        radius: Arcsec, to match by position; None matches by id first.

    Returns:
        Rows, -1 where there is none; name of the column of ids, empty for positions.
    """
    best: tuple[np.ndarray, str] = np.full(len(source), NONE), ""
    if radius is None:
        numbers = _numbers(source)
        for name, ids in _ids(path, catalog):
            rows = np.full(len(source), NONE)
            for row, id in enumerate(ids):
                for number in numbers.get(id, ()) if id in own else ():
                    rows[number] = row
            if not best[1] or (rows != NONE).sum() > (best[0] != NONE).sum():
                best = rows, name
            if (best[0] != NONE).any():
                return best
    positions, names = source.positions(), columns(catalog, "ra", "dec")
    if positions is None or names is None:
        return best
    theirs = np.stack([catalog[name].astype(np.float64) for name in names], 1)
    rows = nearest_within(positions, theirs, SEPARATION if radius is None else radius)
    return (rows, "") if (rows != NONE).any() else best


def label_columns(catalog: Columns, key: str = "") -> Columns:
    """Columns of a catalog that are labels.

    Args:
        catalog: Columns of a table.
        key: Its column of ids.

    Returns:
        Columns of numbers, and of text with at most 100 different values. The redshift is called
        ``redshift``, and NaN where ZWARN is not 0. A PROVABGS table has the labels of ``provabgs``.
    """
    if set(PROVABGS) <= set(catalog):
        return provabgs(catalog)
    skipped = {key, *(column(catalog, role) for role in ("id", "ra", "dec"))}
    found = {name: v for name, v in catalog.items() if not (name in skipped or _splits(name))}
    if {name.lower() for name in catalog} >= set(TRACTOR):
        found = {name: values for name, values in found.items() if name.lower() not in TRACTOR}
    redshift, warned = column(found, "redshift"), column(found, "warning")
    if redshift is not None and found[redshift].dtype.kind in "fiu":
        values = found.pop(redshift)
        warning = None if warned is None else found.pop(warned)
        found[REDSHIFT] = sure(values, redshift, warning, warned or "")
    return {name: values for name, values in found.items() if _is_label(values)}


def provabgs(catalog: Columns) -> Columns:
    """Labels from a PROVABGS catalog (arXiv 2202.01809).

    Args:
        catalog: Columns ``PROVABGS``.

    Returns:
        Redshift, log10 stellar mass (solar masses), log10 specific star formation rate (1 / yr:
        rate over *mass*; the original divides by metallicity), age in Gyr and log10 metallicity.
    """
    redshift, mass, rate, age, metals = (catalog[name].astype(np.float64) for name in PROVABGS)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = (redshift, mass, np.log10(rate) - mass, age, np.log10(metals))
    return dict(zip(LABELS, values, strict=True))


def _splits(name: str) -> bool:
    return name.lower() == SPLIT


def _numbers(source: Source) -> dict[str, list[int]]:
    """Id -> numbers of the galaxies that have it."""
    found: dict[str, list[int]] = {}
    for number, id in enumerate(source.ids):
        found.setdefault(id, []).append(number)
    return found


def _ids(path: Path, catalog: Columns) -> Iterable[tuple[str, Sequence[str]]]:
    """Columns that may hold ids, the one with a known name first."""
    usual = column(catalog, "id") or ""
    first = ids_of(path, catalog) if usual else None
    if first is not None:
        yield usual, first
    for name, values in catalog.items():
        if name != usual and values.dtype.kind in "iuO":
            yield name, ["" if one is None else text(one) for one in values.tolist()]


def _is_label(values: np.ndarray) -> bool:
    if values.dtype.kind in "fiub":
        return True
    words = {one for one in values.tolist() if one is not None}
    return 0 < len(words) <= MOST


def _encoded(
    found: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, Sequence[str]]]:
    """Numbers of all labels, and names of the classes of those that are text."""
    values: dict[str, np.ndarray] = {}
    classes: dict[str, Sequence[str]] = {}
    for name, each in found.items():
        words = sorted({str(one) for one in each.tolist() if isinstance(one, str | bool)})
        if words:
            classes[name] = words
            number = {word: n for n, word in enumerate(words)}
            values[name] = np.array([number.get(str(one), np.nan) for one in each.tolist()])
        else:
            values[name] = np.array([np.nan if one is None else float(one) for one in each])
    return values, classes
