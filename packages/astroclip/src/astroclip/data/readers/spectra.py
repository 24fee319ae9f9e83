"""Reader of spectrum files: one file per galaxy, any wavelength grid."""

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy import units

from astroclip.data.batch import Galaxy
from astroclip.data.readers.estimate_noise import estimated_ivar
from astroclip.data.readers.fits import FITSFile, is_fits, stem
from astroclip.data.readers.resample import resampled
from astroclip.data.source import Source
from astroclip.survey import PIXELS, wavelengths
from sciformer.data.npy import numbers, read_arrays

LOG = "loglam"  # log10 of Angstrom, as SDSS writes it
WAVELENGTH = ("wavelength", "wave", "lambda", LOG)
IVAR = ("ivar", "flux_ivar")
SIGMA = ("error", "err", "sigma", "flux_error", "flux_err")
MASK = "mask"
KNOWN = {"flux", *WAVELENGTH, *IVAR, *SIGMA, MASK}
ANGSTROM = re.compile(r"\bang(strom)?s?\b", re.IGNORECASE)
OURS = units.Unit("1e-17 erg / (s cm2 Angstrom)")


class Measured(NamedTuple):
    """A spectrum as stored in a file.

    Args:
        flux: Flux of each pixel.
        ivar: Inverse variance of each pixel, or None.
        wavelength: Wavelength of each pixel, or None.
        air: Whether wavelengths are in air.
    """

    flux: np.ndarray
    ivar: np.ndarray | None
    wavelength: np.ndarray | None
    air: bool


class SpectrumFiles(Source):
    """Spectrum files in FITS, .npy or .npz; the file name is the id.

    A FITS file has a table with columns of wavelength (or ``loglam``), flux and ivar (or error), or
    a one-dimensional image whose header defines the wavelengths (``CRVAL1``, ``CDELT1``). A .npz
    file has ``flux`` and optionally ``ivar``, ``wavelength`` in Angstrom and ``air``; a .npy file
    has flux alone, or (flux, ivar) of 7781 pixels each. A missing ivar is estimated; pixels with a
    nonzero ``mask`` count as not measured.

    Args:
        paths: The files.

    Raises:
        ValueError: If an id is repeated.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(str(paths[0].parent), images=False, spectra=True)
        self.paths = list(paths)
        seen: dict[str, Path] = {}
        for path in paths:
            if seen.setdefault(stem(path), path) != path:
                raise ValueError(f"{path}: id {stem(path)} is that of {seen[stem(path)]} as well")

    def __len__(self) -> int:
        return len(self.paths)

    def id(self, number: int) -> str:
        return stem(self.paths[number])

    def place(self, number: int) -> str:
        return str(self.paths[number])

    def read(self, number: int) -> Galaxy:
        path = self.paths[number]
        found = _fits(path) if is_fits(path) else _array(path)
        if found.flux.ndim != 1:
            raise ValueError(f"{path}: flux: shape {found.flux.shape} is not that of one spectrum")
        ivar = estimated_ivar(found.flux) if found.ivar is None else found.ivar
        wavelength = found.wavelength
        if wavelength is None:
            if found.flux.shape != (PIXELS,):
                raise ValueError(
                    f"{path}: flux: {found.flux.shape} pixels and no wavelength; ({PIXELS},) or "
                    "'wavelength' is needed"
                )
            wavelength = wavelengths()
        try:
            flux, ivar = resampled(wavelength, found.flux, ivar, found.air)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        return Galaxy(self.id(number), None, flux, ivar, {})


def _array(path: Path) -> Measured:
    arrays = read_arrays(path)
    if "" in arrays:
        values = numbers(path, "flux", arrays[""]).squeeze()
        flux, ivar = values if values.ndim == 2 and len(values) == 2 else (values, None)
        return Measured(flux, ivar, None, air=False)
    air = bool(arrays.get("air", False))
    return _measured(path, {name.lower(): array.squeeze() for name, array in arrays.items()}, air)


def _fits(path: Path) -> Measured:
    file = FITSFile(path)
    try:
        table = file.table("flux")
        if table is None:
            return _images(file)
        names = [str(name) for name in table.columns.names if str(name).lower() in KNOWN]
        arrays = {name.lower(): file.column(table, name).squeeze() for name in names}
        said = {name.lower(): table.columns[name].unit for name in names}
        return _measured(path, arrays, _in_air(table.header), said)
    finally:
        file.files.close()


def _images(file: FITSFile) -> Measured:
    """Spectrum stored as one-dimensional HDUs; the one without a name is the flux."""
    found: dict[str, Any] = {}
    for part in file.parts:
        name = part.name.lower().replace("primary", "") or "flux"
        if part.is_image and len(part.shape) == 1 and name in KNOWN:
            found.setdefault(name, part)
    arrays = {}
    for name, part in found.items():
        with file.reading(name):
            arrays[name] = np.array(part.data, np.float64)
    said = {name: part.header.get("BUNIT") for name, part in found.items()}
    header = found["flux"].header if "flux" in found else {}
    if not arrays.keys() & set(WAVELENGTH) and "CRVAL1" in header:
        arrays["wavelength"] = _line_of(header)
        said["wavelength"] = header.get("CUNIT1")
    return _measured(file.path, arrays, _in_air(header), said)


def _measured(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    air: bool,
    said: Mapping[str, str | None] | None = None,
) -> Measured:
    """Identify the arrays and convert them to our units."""
    if "flux" not in arrays:
        raise ValueError(f"{path}: flux: no such key; there are {', '.join(arrays) or 'none'}")
    for name in arrays.keys() & KNOWN:
        numbers(path, name, arrays[name])
    said = said or {}
    factor = _factor(path, "flux", said.get("flux"), OURS)
    grid = next((name for name in WAVELENGTH if name in arrays), None)
    wavelength = None
    if grid is not None:
        wavelength = arrays[grid].astype(np.float64)
        if grid == LOG:
            wavelength = 10**wavelength
        wavelength *= 1 if grid == LOG else _factor(path, grid, said.get(grid), units.Angstrom)
    ivar = next((arrays[name] for name in IVAR if name in arrays), None)
    sigma = next((arrays[name] for name in SIGMA if name in arrays), None)
    if ivar is None and sigma is not None:
        known = np.isfinite(sigma) & (sigma > 0)
        ivar = np.divide(1.0, sigma, out=np.zeros(sigma.shape), where=known) ** 2
    ivar = None if ivar is None else ivar / factor**2
    flux = arrays["flux"] * factor
    if MASK in arrays:
        if arrays[MASK].shape != flux.shape:
            shapes = f"{arrays[MASK].shape}, but flux has {flux.shape}"
            raise ValueError(f"{path}: {MASK}: shape {shapes}")
        flux = np.where(arrays[MASK] == 0, flux, np.nan)
    return Measured(flux, ivar, wavelength, air)


def _line_of(header: Any) -> np.ndarray:
    """Wavelengths of a one-dimensional image, linear or logarithmic, from its header."""
    step = header.get("CD1_1", header.get("CDELT1", 1.0))
    pixel = np.arange(header["NAXIS1"]) + 1 - header.get("CRPIX1", 1.0)
    values = header["CRVAL1"] + step * pixel
    logarithmic = header.get("DC-FLAG") == 1 or "LOG" in str(header.get("CTYPE1", ""))
    return 10**values if logarithmic else values


def _in_air(header: Any) -> bool:
    said = str(header.get("AIRORVAC", "")).strip().lower(), str(header.get("CTYPE1", ""))
    return said[0] == "air" or said[1].startswith("AWAV")


def _factor(path: Path, name: str, said: str | None, wanted: Any) -> float:
    """Conversion factor from the file's unit to ours; 1 if the file has no unit."""
    if not said:
        return 1.0
    text = ANGSTROM.sub("Angstrom", str(said))
    try:
        with warnings.catch_warnings(action="ignore"):
            factor: Any = units.Unit(text).to(wanted)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {name}: unit {said!r} is not one of {wanted}") from error
    return float(factor)
