"""A spectrum as a file has it, in our units and on our pixels."""

import re
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from astropy import units

from astroclip.data.batch import Spectrum
from astroclip.data.readers.column_names import column
from astroclip.data.readers.estimate_noise import estimated_ivar
from astroclip.data.readers.resample import resampled
from astroclip.survey import FLUX_UNIT, PIXELS, wavelengths

ROLES = ("flux", "ivar", "sigma", "wavelength", "mask")
LOG = "log"  # in the names of wavelengths that are log10 of Angstrom, as SDSS writes them
ANGSTROM = re.compile(r"\bang(strom)?s?\b", re.IGNORECASE)
OURS = units.Unit("1e-17 erg / (s cm2 Angstrom)")
TINY = 1e-10  # a flux without unit of a median below this is in erg / s / cm2 / A


class Stored(NamedTuple):
    """One spectrum as stored in a file.

    Args:
        arrays: Flux, ivar or sigma, wavelength and mask, as far as available.
        names: Names of these arrays in the file.
        units: Units, as the file writes them.
        air: Whether wavelengths are in air; None if the file does not say it.
    """

    arrays: Mapping[str, np.ndarray]
    names: Mapping[str, str]
    units: Mapping[str, str | None] = {}
    air: bool | None = None


def stored(
    arrays: Mapping[str, np.ndarray], said: Mapping[str, str | None], air: bool | None = None
) -> Stored:
    """Find out which array of a file is what.

    Args:
        arrays: Name in the file -> array.
        said: Name in the file -> unit.
        air: Whether wavelengths are in air; None if the file does not say it.

    Returns:
        The spectrum as it is stored.
    """
    found = {role: column(arrays, role) for role in ROLES}
    names = {role: name for role, name in found.items() if name is not None}
    return Stored(
        {role: arrays[name] for role, name in names.items()},
        names,
        {role: said.get(name) for role, name in names.items()},
        air,
    )


def on_our_grid(place: str, found: Stored) -> tuple[Spectrum, Spectrum]:
    """Flux and ivar of the survey's pixels, in 1e-17 erg / s / cm2 / A.

    A missing ivar is estimated. Pixels with a nonzero mask are not measured.

    Args:
        place: File, and object in it, for errors.
        found: The spectrum.

    Returns:
        Flux and ivar of 7781 pixels; both 0 where not measured.

    Raises:
        ValueError: If an array is missing, is no number, or has another shape or an unknown unit.
    """
    arrays, names = found.arrays, found.names
    for role, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{place}: {names[role]}: dtype {array.dtype} is no number")
    flux = arrays["flux"]
    if flux.ndim != 1:
        raise ValueError(f"{place}: flux: shape {flux.shape} is not that of one spectrum")
    factor = flux_factor(place, found)
    ivar = _ivar(arrays)
    flux = flux * factor
    ivar = estimated_ivar(flux) if ivar is None else ivar / factor**2
    if "mask" in arrays:
        mask = arrays["mask"]
        if mask.shape != flux.shape:
            shapes = f"shape {mask.shape}, but flux has {flux.shape}"
            raise ValueError(f"{place}: {names['mask']}: {shapes}")
        flux = np.where(mask == 0, flux, np.nan)
    try:
        return resampled(_wavelength(place, found), flux, ivar, bool(found.air))
    except ValueError as error:
        raise ValueError(f"{place}: {error}".replace(f"{place}: {place}", place)) from error


def flux_factor(place: str, found: Stored) -> float:
    """What the flux is multiplied by to be in our unit."""
    said, flux = found.units.get("flux"), found.arrays["flux"]
    if said:
        return _factor(place, found.names["flux"], said, OURS)
    known = np.abs(flux[np.isfinite(flux) & (flux != 0)])
    return 1e17 if known.size and np.median(known) < TINY else 1.0


def facts(found: Stored) -> dict[str, str]:
    """What was understood of a spectrum: wavelengths, units, noise, mask."""
    place, arrays, names = "", found.arrays, found.names
    grid, said = _wavelength(place, found), found.units.get("flux")
    grid = grid[np.isfinite(grid) & (grid > 0)]
    medium = "vacuum" if found.air is False else "taken as vacuum"
    medium = "air, converted to vacuum" if found.air else medium
    noise = names.get("ivar") or names.get("sigma")
    told = {
        "wavelength": f"{grid.min():.6g} to {grid.max():.6g} A, {medium}; {len(grid)} pixels",
        "flux": f"{names['flux']}, {said or FLUX_UNIT}",
        "noise": noise or "none: estimated from neighboring pixels",
    }
    if "mask" in names:
        told["mask"] = f"{names['mask']}: {np.mean(arrays['mask'] != 0):.1%} of the pixels"
    if not said and flux_factor(place, found) != 1:
        told["assumed"] = "the flux has no unit, and is so small that it is in erg / s / cm2 / A"
    return told


def in_air(*headers: Mapping[str, Any]) -> bool | None:
    """Whether wavelengths are in air, by AIRORVAC, VACUUM or CTYPE1 of FITS headers.

    Args:
        *headers: Headers, the most specific first.

    Returns:
        None if none of them says it.
    """
    for header in headers:
        if "AIRORVAC" in header:
            return str(header["AIRORVAC"]).strip().lower() == "air"
        if "VACUUM" in header:
            return str(header["VACUUM"]).strip().lower() in ("0", "f", "false", "n", "no")
        if str(header.get("CTYPE1", "")).startswith("AWAV"):
            return True
    return None


def said_air(arrays: Mapping[str, np.ndarray]) -> bool | None:
    """Whether wavelengths are in air, by the arrays ``air`` or ``vacuum`` of an npz file."""
    if "air" in arrays:
        return bool(arrays["air"])
    return not arrays["vacuum"] if "vacuum" in arrays else None


def grid_of(header: Mapping[str, Any], pixels: int) -> np.ndarray | None:
    """Wavelengths that a FITS header describes, linear or logarithmic; None if it does not.

    Args:
        header: With COEFF0 and COEFF1 (SDSS), or CRVAL1 and CDELT1 or CD1_1.
        pixels: Number of pixels.

    Returns:
        Wavelengths in the unit of the header.
    """
    if "COEFF0" in header and "COEFF1" in header:
        return 10 ** (header["COEFF0"] + header["COEFF1"] * np.arange(pixels))
    if "CRVAL1" not in header:
        return None
    step = header.get("CD1_1", header.get("CDELT1", 1.0))
    pixel = np.arange(pixels) + 1 - header.get("CRPIX1", 1.0)
    values = header["CRVAL1"] + step * pixel
    logarithmic = header.get("DC-FLAG") == 1 or "LOG" in str(header.get("CTYPE1", ""))
    return 10**values if logarithmic else values


def _ivar(arrays: Mapping[str, np.ndarray]) -> np.ndarray | None:
    if "ivar" in arrays or "sigma" not in arrays:
        return arrays.get("ivar")
    sigma = arrays["sigma"]
    known = np.isfinite(sigma) & (sigma > 0)
    return np.divide(1.0, sigma, out=np.zeros(sigma.shape), where=known) ** 2


def _wavelength(place: str, found: Stored) -> np.ndarray:
    """Wavelengths in Angstrom; those of the survey for as many pixels without any."""
    if "wavelength" not in found.arrays:
        shape = found.arrays["flux"].shape
        if shape != (PIXELS,):
            needed = f"{shape} pixels and no wavelength; ({PIXELS},) or 'wavelength' is needed"
            raise ValueError(f"{place}: flux: {needed}")
        return wavelengths()
    name = found.names["wavelength"]
    values = found.arrays["wavelength"].astype(np.float64)
    if LOG in name.lower():
        return 10**values
    return values * _factor(place, name, found.units.get("wavelength"), units.Angstrom)


def _factor(place: str, name: str, said: str | None, wanted: Any) -> float:
    """Conversion factor from the file's unit to ours; 1 if the file has no unit."""
    if not said:
        return 1.0
    text = ANGSTROM.sub("Angstrom", str(said))
    try:
        with warnings.catch_warnings(action="ignore"):
            factor: Any = units.Unit(text).to(wanted)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{place}: {name}: unit {said!r} is not one of {wanted}") from error
    return float(factor)
