"""Reader of spectrum files: one file per galaxy, any wavelength grid."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from astroclip.data.batch import Galaxy
from astroclip.data.readers.column_names import column, columns, sure
from astroclip.data.readers.fits import FITSFile, is_fits, stem
from astroclip.data.readers.measured import (
    ROLES,
    Stored,
    facts,
    grid_of,
    in_air,
    on_our_grid,
    said_air,
    stored,
)
from astroclip.data.source import Facts, Positions, Source
from sciformer.data.npy import numbers, read_arrays

ROWS = 5  # flux, continuum subtracted, noise, mask, ...: SDSS's first spSpec files
PLACES = (("PLUG_RA", "PLUG_DEC"), ("RA_TARG", "DEC_TARG"), ("RAOBJ", "DECOBJ"), ("RA", "DEC"))
REDSHIFT = "redshift"


class Beside(NamedTuple):
    """What a file says about its galaxy besides the spectrum.

    Args:
        redshift: NaN if unknown.
        position: Right ascension and declination in degrees, NaN if unknown.
    """

    redshift: float = np.nan
    position: tuple[float, float] = (np.nan, np.nan)


class SpectrumFiles(Source):
    """Spectrum files in FITS, .npy or .npz; the file name is the id.

    A FITS file has a table with columns of wavelength (or ``loglam``), flux and ivar (or error), or
    one-dimensional images; wavelengths may be in the header (``CRVAL1``, ``CDELT1``, or SDSS's
    ``COEFF0``, ``COEFF1``), and redshift and position in a table of one row (SDSS's SPECOBJ). A
    .npz file has ``flux`` and optionally ``ivar``, ``wavelength`` in Angstrom and ``air``; a .npy
    file has flux alone, or (flux, ivar) of 7781 pixels each. A missing ivar is estimated; pixels
    with a nonzero ``mask`` or ``and_mask`` count as not measured.

    Args:
        paths: The files, each of another name.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        first = _beside(paths[0])
        labels = [REDSHIFT] if np.isfinite(first.redshift) else []
        super().__init__(str(paths[0].parent), images=False, spectra=True, labels=labels)
        self.paths = list(paths)
        self.placed = bool(np.isfinite(first.position).all())

    def __len__(self) -> int:
        return len(self.paths)

    def id(self, number: int) -> str:
        return stem(self.paths[number])

    def place(self, number: int) -> str:
        return str(self.paths[number])

    def positions(self) -> Positions | None:
        if not self.placed:
            return None
        return np.array([_beside(path).position for path in self.paths])

    def read(self, number: int) -> Galaxy:
        path = self.paths[number]
        flux, ivar = on_our_grid(str(path), _stored(path))
        labels = {REDSHIFT: _beside(path).redshift} if self.labels else {}
        return Galaxy(self.id(number), None, flux, ivar, labels)

    def facts(self) -> Facts:
        told = {"kind": f"{len(self)} files of one spectrum each", **facts(_stored(self.paths[0]))}
        if self.labels:
            told[REDSHIFT] = "Z of the table in the file, where ZWARNING is 0"
        return told


def _stored(path: Path) -> Stored:
    found = _fits(path) if is_fits(path) else _array(path)
    if "flux" not in found.arrays:
        there = ", ".join(found.names.values()) or "none"
        raise ValueError(f"{path}: flux: no such key; there are {there}")
    return found


def _array(path: Path) -> Stored:
    arrays = read_arrays(path)
    if "" in arrays:
        values = numbers(path, "flux", arrays[""]).squeeze()
        pair = values.ndim == 2 and len(values) == 2
        named = {"flux": values[0], "ivar": values[1]} if pair else {"flux": values}
        return stored(named, {})
    return stored({name: array.squeeze() for name, array in arrays.items()}, {}, said_air(arrays))


def _fits(path: Path) -> Stored:
    file = FITSFile(path)
    try:
        table = file.table("flux")
        if table is None:
            return _images(file)
        there = [str(name) for name in table.columns.names]
        names = [name for name in (column(there, role) for role in ROLES) if name is not None]
        arrays = {name: file.column(table, name).squeeze() for name in names}
        said = {name: table.columns[name].unit for name in names}
        if column(names, "wavelength") is None:
            flux = arrays[str(column(names, "flux"))]
            _add_grid(file, table, arrays, said, flux.shape[-1:])
        return stored(arrays, said, _air(file, table))
    finally:
        file.files.close()


def _images(file: FITSFile) -> Stored:
    """Spectrum stored as one-dimensional HDUs; the one without a name is the flux."""
    found: dict[str, Any] = {}
    for part in file.parts:
        name = part.name.lower().replace("primary", "") or "flux"
        if part.is_image and len(part.shape) == 1:
            found.setdefault(name, part)
        elif part.is_image and part.shape[:1] == (ROWS,) and "COEFF0" in part.header:
            return _rows(file, part)
    arrays: dict[str, np.ndarray] = {}
    for name, part in found.items():
        with file.reading(name):
            arrays[name] = np.array(part.data, np.float64)
    said = {name: part.header.get("BUNIT") for name, part in found.items()}
    if "flux" not in found:
        return stored(arrays, said)
    if column(arrays, "wavelength") is None:
        _add_grid(file, found["flux"], arrays, said, arrays["flux"].shape)
    return stored(arrays, said, _air(file, found["flux"]))


def _rows(file: FITSFile, part: Any) -> Stored:
    """SDSS's spSpec: flux, the same without continuum, noise and mask are rows of one image."""
    with file.reading("flux"):
        flux, _, sigma, mask = np.array(part.data[:4], np.float64)
    arrays = {"flux": flux, "sigma": sigma, "mask": mask}
    said: dict[str, str | None] = {}
    _add_grid(file, part, arrays, said, flux.shape)
    return stored(arrays, said, _air(file, part))


def _add_grid(
    file: FITSFile,
    part: Any,
    arrays: dict[str, np.ndarray],
    said: dict[str, str | None],
    shape: tuple[int, ...],
) -> None:
    """Add the wavelengths that the header of a part, or of the file, describes."""
    for header in (part.header, file.parts[0].header):
        grid = grid_of(header, *shape) if shape else None
        if grid is not None:
            arrays["wavelength"] = grid
            said["wavelength"] = None if "COEFF0" in header else header.get("CUNIT1")
            return


def _air(file: FITSFile, part: Any) -> bool | None:
    return in_air(part.header, file.parts[0].header)


def _beside(path: Path) -> Beside:
    """Redshift and position: of an npz file's arrays, a FITS file's table of one row, or header."""
    if is_fits(path):
        file = FITSFile(path)
        try:
            return _in_tables(file)
        finally:
            file.files.close()
    if path.suffix != ".npz":
        return Beside()
    arrays = read_arrays(path)
    single = {name: array.reshape(-1) for name, array in arrays.items() if array.size == 1}
    return Beside(_redshift(single), _position(single))


def _in_tables(file: FITSFile) -> Beside:
    redshift, position = np.nan, (np.nan, np.nan)
    for part in file.parts:
        if not file.is_table(part) or len(part.data) != 1:
            continue
        names = [str(name) for name in part.columns.names]
        wanted = (column(names, role) for role in ("redshift", "warning", "ra", "dec"))
        row = {name: file.column(part, name).reshape(-1) for name in wanted if name is not None}
        if not np.isfinite(redshift):
            redshift = _redshift(row)
        if not np.isfinite(position).all():
            position = _position(row)
    header = file.parts[0].header
    for ra, dec in PLACES:
        both = header.get(ra), header.get(dec)
        if not np.isfinite(position).all() and all(isinstance(x, int | float) for x in both):
            position = float(both[0]), float(both[1])
    return Beside(redshift, position)


def _redshift(row: Mapping[str, np.ndarray]) -> float:
    name, warned = column(row, "redshift"), column(row, "warning")
    if name is None or row[name].dtype.kind not in "fiu":
        return np.nan
    warning = None if warned is None else row[warned]
    return float(sure(row[name], name, warning, warned or "")[0])


def _position(row: Mapping[str, np.ndarray]) -> tuple[float, float]:
    names = columns(row, "ra", "dec")
    if names is None or any(row[name].dtype.kind not in "fiu" for name in names):
        return np.nan, np.nan
    return float(row[names[0]][0]), float(row[names[1]][0])
