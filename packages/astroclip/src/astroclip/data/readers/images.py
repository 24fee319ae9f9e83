"""Reader of image files: one file per galaxy, or one per galaxy and band."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from astroclip.data.batch import Galaxy, Image
from astroclip.data.readers.bands import band, planes_of
from astroclip.data.readers.fits import FITSFile, is_fits, is_other, scale_of, stem
from astroclip.data.readers.resample import rescaled
from astroclip.data.source import Source
from astroclip.survey import BANDS
from sciformer.data.npy import numbers, read_arrays

OF_BAND = re.compile(r"(.+)[-_.]([grz])")  # file name of a single band
UNIT = re.compile(r"nano?magg|nmgy", re.IGNORECASE)
Found = tuple[list[str], list[np.ndarray], float | None]  # bands, their planes, arcsec per pixel


class ImageFiles(Source):
    """Image files in FITS, or nanomaggies in .npy or .npz; the file name is the id.

    A FITS file has a cube whose header names the bands (``BANDS``, or ``BAND0``, ...) or images of
    one band each (``BAND`` or ``FILTER``); or there are three files, whose names end in ``-g``,
    ``-r`` and ``-z``. An array is (3, height, width); a .npz file with ``image`` may also hold
    ``bands`` and ``scale``. Three planes without names are g, r and z.

    Args:
        paths: The files.
        scale: Arcsec per pixel; None uses the value in the file, or 0.262 if there is none.

    Raises:
        ValueError: If bands of a galaxy are missing, or an id is repeated.
    """

    def __init__(self, paths: Sequence[Path], scale: float | None = None) -> None:
        super().__init__(str(paths[0].parent), images=True, spectra=False)
        self.scale = scale
        self.files = _by_galaxy(paths)
        self.names = list(self.files)

    def __len__(self) -> int:
        return len(self.names)

    def id(self, number: int) -> str:
        return self.names[number]

    def place(self, number: int) -> str:
        return str(self.files[self.names[number]][0])

    def read(self, number: int) -> Galaxy:
        name, place = self.names[number], self.place(number)
        bands: list[str] = []
        planes: list[np.ndarray] = []
        scale = None
        paths = self.files[name]
        for path in paths:
            own, more, scale = _read(path)
            bands += own or ([stem(path)[-1]] if len(paths) > 1 else [])
            planes += more
        image = _image(bands, planes, place)
        scale = scale if self.scale is None else self.scale
        if scale is not None:
            try:
                image = rescaled(image, scale)
            except ValueError as error:
                raise ValueError(f"{place}: {error}") from error
        return Galaxy(name, image, None, None, {})


def _by_galaxy(paths: Sequence[Path]) -> Mapping[str, list[Path]]:
    """Files by galaxy: one, or one per band."""
    files: dict[str, list[Path]] = {}
    of_bands: dict[str, list[Path]] = {}
    for path in paths:
        match = OF_BAND.fullmatch(stem(path))
        if match:
            of_bands.setdefault(str(path.parent / match[1]), []).append(path)
        else:
            _add(files, stem(path), [path])
    for name, each in of_bands.items():
        if len(each) == 1:  # only looks like a band's file
            _add(files, stem(each[0]), each)
        else:
            planes_of([stem(path)[-1] for path in each], f"{name}: files")
            _add(files, Path(name).name, each)
    return files


def _add(files: dict[str, list[Path]], name: str, paths: list[Path]) -> None:
    if name in files:
        raise ValueError(f"{paths[0]}: id {name} is that of {files[name][0]} as well")
    files[name] = paths


def _image(bands: list[str], planes: list[np.ndarray], place: str) -> Image:
    if not bands and len(planes) == len(BANDS):
        bands = list(BANDS)
    if len(bands) != len(planes):
        raise ValueError(f"{place}: bands: {len(planes)} images, but {', '.join(bands) or 'none'}")
    order = planes_of(bands, place)
    shapes = {planes[number].shape for number in order}
    if len(shapes) != 1:
        raise ValueError(f"{place}: bands: shapes {sorted(shapes)} differ")
    return np.stack([planes[number] for number in order]).astype(np.float32)


def _read(path: Path) -> Found:
    return _fits(path) if is_fits(path) else _array(path)


def _array(path: Path) -> Found:
    arrays = read_arrays(path)
    name = "image" if "image" in arrays else ""
    if name not in arrays:
        raise ValueError(f"{path}: no array 'image'; there are {', '.join(arrays)}")
    image = numbers(path, name, arrays[name])
    if image.ndim not in (2, 3):
        raise ValueError(f"{path}: image: shape {image.shape} is not (3, height, width)")
    bands = [str(each) for each in arrays.get("bands", np.array([])).reshape(-1)]
    bands = list(bands[0]) if len(bands) == 1 < len(image) else bands  # "grz"
    scale = float(arrays["scale"]) if "scale" in arrays else None
    return bands, [image] if image.ndim == 2 else list(image), scale


def _fits(path: Path) -> Found:
    """First cube of a file, or its images of single bands."""
    file = FITSFile(path)
    bands: list[str] = []
    planes: list[np.ndarray] = []
    scale = None
    try:
        common = file.parts[0].header
        for number, part in enumerate(file.parts):
            if not part.is_image or len(part.shape) not in (2, 3) or is_other(part.header):
                continue
            _check_unit(path, part.header)
            with file.reading(part.name or f"HDU {number}"):
                data = np.array(part.data, np.float32)
                scale = scale_of(part.header) or scale
            if data.ndim == 3:
                return _names(part.header) or _names(common), list(data), scale
            bands += _names(part.header) or _names(common)
            planes.append(data)
    finally:
        file.files.close()
    if not planes:
        raise ValueError(f"{path}: no image of 2 or 3 axes in any HDU")
    return bands, planes, scale


def _names(header: Any) -> list[str]:
    """Bands that a header names."""
    together = str(header.get("BANDS", "")).replace(",", " ").strip()
    if together:
        return together.split() if " " in together else list(together)
    one_by_one = [key for key in (f"BAND{number}" for number in range(99)) if key in header]
    if one_by_one:
        return [str(header[key]) for key in one_by_one]
    return [band(str(header[key])) for key in ("BAND", "FILTER") if key in header][:1]


def _check_unit(path: Path, header: Any) -> None:
    unit = str(header.get("BUNIT", "")).strip()
    if unit and not UNIT.search(unit):
        raise ValueError(f"{path}: BUNIT: {unit!r}; nanomaggies are needed")
