"""Reader of the Multimodal Universe's HDF5 files (arXiv 2412.02527), one per cell of the sky."""

from pathlib import Path

import numpy as np

from astroclip.data.batch import Galaxy, Image, Spectrum
from astroclip.data.readers.bands import planes_of
from astroclip.data.readers.resample import resampled, rescaled
from astroclip.data.source import Positions, Source, named
from astroclip.survey import PIXEL_SCALE, wavelengths
from sciformer.data.hdf5 import HDF5, OpenHDF5

ID = "object_id"
FLUX, IVAR = "spectrum_flux", "spectrum_ivar"
IMAGE = "image_array"
USUAL = {
    3: ("g", "r", "z"),
    4: ("g", "r", "i", "z"),
}  # number of planes -> bands, if they have no names
REDSHIFT = ("Z", "z", "z_spec")  # names of the redshift in different files
CATALOG = {"ra", "dec", "ZWARN", *REDSHIFT}


class Universe(Source):
    """Galaxies of one file: DESI spectra, Legacy Surveys images, or both.

    Args:
        path: The file.
        files: Opens HDF5 files; may be shared between readers.

    Raises:
        ValueError: If the file cannot be read, a key is missing or shorter than others.
    """

    def __init__(self, path: str | Path, files: OpenHDF5 | None = None) -> None:
        self.file = HDF5(path, files)
        keys = set(self.file.keys())
        images, spectra = IMAGE in keys, bool({FLUX, IVAR} & keys)
        super().__init__(str(path), images, spectra, labels=["redshift"])
        needed = [ID, *[IMAGE] * images, *[FLUX, IVAR] * spectra]
        there = [key for key in keys if key.startswith(("image_", "spectrum_")) or key in CATALOG]
        self.file.count(list(dict.fromkeys([*needed, *there])))
        self.keys = keys
        self.targets = ids(self.file.read(ID), f"{path}: {ID}")
        self.redshifts = _redshifts(self.file, keys)

    def __len__(self) -> int:
        return len(self.targets)

    def id(self, number: int) -> str:
        return text(self.targets[number])

    def positions(self) -> Positions | None:
        if not {"ra", "dec"} <= self.keys:
            return None
        with named(f"{self.where}: ra, dec"):
            both = (self.file.read(key, (), np.float64) for key in ("ra", "dec"))
            return np.stack([column.reshape(len(self)) for column in both], 1)

    def read(self, number: int) -> Galaxy:
        image = self._image(number) if self.images else None
        flux, ivar = self._spectrum(number) if self.spectra else (None, None)
        labels = {"redshift": float(self.redshifts[number])}
        return Galaxy(self.id(number), image, flux, ivar, labels)

    def _image(self, number: int) -> Image:
        place = self.place(number)
        stored = self.file.read(IMAGE, number)
        bands = USUAL.get(len(stored) if stored.ndim else 0, ())
        if "image_band" in self.keys:
            bands = [text(name) for name in self.file.read("image_band", number)]
        if stored.ndim != 3 or len(stored) != len(bands):
            raise ValueError(
                f"{place}: {IMAGE}: shape {stored.shape} is not (band, height, width) of "
                f"{', '.join(bands) or 'g, r, z'}"
            )
        image = stored[planes_of(bands, place)].astype(np.float32)
        if "image_scale" not in self.keys:
            return image
        scales = self.file.read("image_scale", number).reshape(-1)
        if len(set(scales.tolist())) != 1:
            raise ValueError(f"{place}: image_scale: {scales} differ; {PIXEL_SCALE} is needed")
        try:
            return rescaled(image, float(scales[0]))
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from error

    def _spectrum(self, number: int) -> tuple[Spectrum, Spectrum]:
        flux, ivar = (self.file.read(key, number) for key in (FLUX, IVAR))
        if "spectrum_mask" in self.keys:
            ivar = np.where(self.file.read("spectrum_mask", number), 0, ivar)
        grid = wavelengths()
        if "spectrum_lambda" in self.keys:
            grid = self.file.read("spectrum_lambda", number)
        try:
            return resampled(grid, flux, ivar)
        except ValueError as error:
            raise ValueError(f"{self.place(number)}: {error}") from error


def _redshifts(file: HDF5, keys: set[str]) -> np.ndarray:
    """Reliable redshifts; NaN elsewhere.

    ZWARN is usually DESI's bit mask, where 0 is good. Boolean ZWARN columns come from a script that
    inverts it: there, True is good.
    """
    key = next((key for key in REDSHIFT if key in keys), None)
    if key is None:
        return np.full(file.shape(ID)[0], np.nan)
    redshifts = file.read(key, (), np.float64)
    sure = redshifts > 0 if key == "z_spec" else np.isfinite(redshifts)  # 0 where not measured
    if "ZWARN" in keys:
        warnings = file.read("ZWARN")
        sure &= warnings if warnings.dtype == bool else warnings == 0
    return np.where(sure, redshifts, np.nan)


def ids(found: np.ndarray, place: str) -> np.ndarray:
    """Check that ids are integers or strings, and return them; else ``ValueError``."""
    if found.ndim != 1 or found.dtype.kind not in "iuSUO":
        raise ValueError(f"{place}: {found.dtype} of shape {found.shape} are no ids")
    return found


def text(name: bytes | str | int | np.generic) -> str:
    """Decode an id or a band name; undecodable bytes are shown as codes."""
    return name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(name)
