"""Detect the format of a file of galaxies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from astroclip.data.readers.ccd_table import is_ccd_table
from astroclip.data.readers.desi import arms
from astroclip.data.readers.fits import FITSFile, OpenFITS, is_fits, is_other
from astroclip.data.readers.multimodal_universe import FLUX, IMAGE, IVAR
from sciformer.data.hdf5 import HDF5, OpenHDF5
from sciformer.data.npy import axes_of, names_of

Kind = Literal["original", "universe", "desi", "exposures", "images", "spectra"]
NAMES: Mapping[str, Kind] = {"image": "images", "flux": "spectra"}  # names of arrays
HDF5_SUFFIXES, PARQUET = (".hdf5", ".h5"), ".parquet"
SHOWN = 12  # largest number of keys in an error


def kinds_of(path: Path, fits: OpenFITS, hdf5: OpenHDF5) -> list[Kind]:
    """Detect the format of a file from its content.

    Args:
        path: The file.
        fits: Opens FITS files.
        hdf5: Opens HDF5 files.

    Returns:
        Its formats: two for arrays of an image and of a spectrum, none if unknown; ``exposures``
            for a
        CCD table.

    Raises:
        ValueError: If it cannot be opened, or lacks the key that its format needs.
    """
    if is_fits(path):
        return _kinds_of_fits(FITSFile(path, fits))
    if path.suffix in HDF5_SUFFIXES:
        return _kinds_of_hdf5(HDF5(path, hdf5))
    if path.suffix == ".npz":
        names = {name.lower() for name in names_of(path)}
        if not names & set(NAMES):
            there = ", ".join(sorted(names)[:SHOWN]) or "nothing"
            raise ValueError(f"{path}: image or flux: no such key; there are {there}")
        return [kind for name, kind in NAMES.items() if name in names]
    if path.suffix == ".npy":
        return ["images" if axes_of(path) == len(("band", "row", "column")) else "spectra"]
    return ["original"] if path.suffix == PARQUET else []


def _kinds_of_fits(file: FITSFile) -> list[Kind]:
    if arms(file):
        return ["desi"]
    if is_ccd_table(file):
        return ["exposures"]
    if file.table("flux") is not None:
        return ["spectra"]
    parts = [part for part in file.parts if part.is_image and not is_other(part.header)]
    axes = {len(part.shape) for part in parts}
    if axes & {2, 3}:
        return ["images"]
    if file.table("ivar") is not None:
        raise ValueError(f"{file.path}: FLUX: no such column beside IVAR")
    return ["spectra"] if 1 in axes else []


def _kinds_of_hdf5(file: HDF5) -> list[Kind]:
    keys = set(file.keys())
    if {FLUX, IVAR, IMAGE} & keys:
        return ["universe"]
    if any(key.startswith(("image_", "spectrum_")) for key in keys):
        there = ", ".join(sorted(keys)[:SHOWN])
        raise ValueError(f"{file.path}: {IMAGE} or {FLUX}: no such key; there are {there}")
    return ["original"] if any(file.keys(key) for key in file.groups()) else []
