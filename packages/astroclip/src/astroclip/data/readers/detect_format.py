"""Detect what a file of galaxies holds: by its content and its name."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from astroclip.data.readers.arrow_rows import ARROW, PARQUET, ArrowRows
from astroclip.data.readers.astroclip_hdf5 import COLUMNS, KEYS
from astroclip.data.readers.bricks import is_field
from astroclip.data.readers.ccd_table import is_ccd_table
from astroclip.data.readers.column_names import column
from astroclip.data.readers.desi import REDSHIFTS, arms
from astroclip.data.readers.exposures import product
from astroclip.data.readers.fits import FITSFile, OpenFITS, is_fits, is_other, is_scalar, stem
from astroclip.data.readers.fits_table import images_of
from astroclip.data.readers.hdf5_table import HDF5Columns
from astroclip.data.readers.images import OF_BAND, planes_in
from astroclip.data.readers.measured import grid_of
from astroclip.data.readers.npz_table import NpzColumns
from astroclip.data.readers.spectra import ROWS
from astroclip.data.readers.tables import is_image, is_spectrum
from astroclip.data.readers.text_table import TEXTS
from astroclip.survey import PIXELS
from sciformer.data.hdf5 import OpenHDF5
from sciformer.data.npy import map_array, names_of

Kind = Literal[
    "original", "table", "universe", "desi", "exposures", "brick", "images", "spectra"
]  # "universe" is what older files say for "table"
HDF5_SUFFIXES = (".hdf5", ".h5")
ARRAYS = (".npz", ".npy")
SUFFIXES = (".fits", ".gz", ".fz", *HDF5_SUFFIXES, *ARRAYS, PARQUET, ARROW)
CATALOG = "a catalog, without images or spectra"
SHOWN = 12  # largest number of keys in an error


class UnrelatedError(ValueError):
    """A file has no galaxies that could be read; the message says what it is."""


def kinds_of(path: Path, fits: OpenFITS, hdf5: OpenHDF5) -> list[Kind]:
    """Detect what a file holds.

    Args:
        path: The file.
        fits: Opens FITS files.
        hdf5: Opens HDF5 files.

    Returns:
        Its kinds: two for arrays of an image and of a spectrum; ``exposures`` for a CCD table;
        ``brick`` for an image of a field.

    Raises:
        UnrelatedError: If it holds no galaxies.
        ValueError: If it cannot be opened, or lacks the key that its format needs.
    """
    if is_fits(path):
        return _kinds_of_fits(FITSFile(path, fits))
    if path.suffix in HDF5_SUFFIXES:
        return _kinds_of_hdf5(HDF5Columns(path, hdf5))
    if path.suffix in ARRAYS:
        return _kinds_of_arrays(path)
    if path.suffix in (PARQUET, ARROW):
        return _kinds_of_rows(path)
    raise UnrelatedError(CATALOG if path.suffix in TEXTS else "of no known format")


def _kinds_of_fits(file: FITSFile) -> list[Kind]:
    if arms(file):
        return ["desi"]
    if is_ccd_table(file):
        return ["exposures"]
    _check_related(file)
    if images_of(file):
        return ["table"]
    if file.table("flux") is not None:
        return _kinds_of_flux(file)
    parts = [part for part in file.parts if part.is_image and not is_other(part.header)]
    rows = any(len(part.shape) == 2 and is_rows(part) for part in parts)
    axes = {len(part.shape) for part in parts}
    if axes & {2, 3} and not rows:
        return _kinds_of_images(file)
    if 1 in axes or rows:
        return ["spectra"]
    if file.table("ivar") is not None:
        raise ValueError(f"{file.path}: FLUX: no such column beside IVAR")
    table = any(file.is_table(part) for part in file.parts)
    raise UnrelatedError(CATALOG if table else "no image and no spectrum in any HDU")


def _check_related(file: FITSFile) -> None:
    """Raise if these are redshifts, or the mask or weights of an exposure."""
    if {part.name.upper() for part in file.parts} & set(REDSHIFTS.values()):
        raise UnrelatedError("redshifts, which are read with the coadd beside them")
    if product(file.path) in ("mask", "weight"):
        raise UnrelatedError(f"{product(file.path)}s of an exposure")


def is_rows(part: object) -> bool:
    """Whether an image is one spectrum: SDSS's spSpec has its flux, noise and mask as rows."""
    header, shape = part.header, part.shape  # pyright: ignore[reportAttributeAccessIssue]
    return shape[:1] == (ROWS,) and "COEFF0" in header


def _kinds_of_flux(file: FITSFile) -> list[Kind]:
    """Kinds of a table with fluxes: many spectra, one, or photometry."""
    table = file.table("flux")
    names = [str(name) for name in table.columns.names]
    if not is_scalar(table.columns[str(column(names, "flux"))]):
        many = len(table.data) > 1 or column(names, "id") is not None
        return ["table"] if many else ["spectra"]
    known = any(column(names, role) for role in ("wavelength", "ivar", "sigma"))
    gridded = any(grid_of(each.header, 1) is not None for each in (table, file.parts[0]))
    if known or gridded or len(table.data) == PIXELS:
        return ["spectra"]
    raise UnrelatedError(CATALOG)


def _kinds_of_images(file: FITSFile) -> list[Kind]:
    if is_field(file):
        return ["brick"]
    planes = planes_in(file)
    cube = any(plane.row is not None for plane in planes)
    exposed = product(file.path) or any(file.header(p, "EXPNUM") for p in file.parts)
    if cube or exposed or any(plane.band for plane in planes) or OF_BAND.fullmatch(stem(file.path)):
        return ["images"]
    raise UnrelatedError("an image without the name of a band: no BANDS, BAND or FILTER")


def _kinds_of_hdf5(columns: HDF5Columns) -> list[Kind]:
    if is_image(columns) or is_spectrum(columns):
        return ["table"]
    file = columns.file
    there = _listed(file.keys())
    for name in columns.names:
        if name.startswith(("image_", "spectrum_")):
            key = "image_array or spectrum_flux" if name != "spectrum_ivar" else "spectrum_flux"
            raise ValueError(f"{columns.path}: {key}: no such key; there are {there}")
    if any(key.isdigit() or set(file.keys(key)) & set(KEYS) for key in file.groups()):
        return ["original"]
    raise UnrelatedError(f"no images or spectra at its top; there are {there}")


def _kinds_of_arrays(path: Path) -> list[Kind]:
    if path.suffix == ".npy":
        shape = map_array(path).shape
        many = len(shape) == 4 or (len(shape) == 2 and shape[0] > 2)
        return ["table"] if many else ["images" if len(shape) == 3 else "spectra"]
    names = names_of(path)
    image, flux = column(names, "image"), column(names, "flux")
    if image is None and flux is None:
        there = _listed(sorted(names))
        raise ValueError(f"{path}: image or flux: no such key; there are {there}")
    columns = NpzColumns(path)
    shapes = [columns.shape(name) for name in (image, flux) if name is not None]
    if (image and len(shapes[0]) == 4) or (flux and len(shapes[-1]) == 2 and shapes[-1][0] > 1):
        return ["table"]
    return [*(["images"] if image else []), *(["spectra"] if flux else [])]


def _kinds_of_rows(path: Path) -> list[Kind]:
    if path.suffix == ARROW and path.name.startswith("cache-"):
        raise UnrelatedError("a cache of the package datasets")
    columns = ArrowRows(path)
    columns.files.close()
    plain = {"image", "spectrum"} & set(columns.names)
    if plain and len(set(COLUMNS) & set(columns.names)) > 2:
        return ["original"]
    if is_image(columns) or is_spectrum(columns):
        return ["table"]
    raise UnrelatedError(CATALOG)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:SHOWN]) or "nothing"
