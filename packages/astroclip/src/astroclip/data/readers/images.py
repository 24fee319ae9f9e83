"""Reader of image files: one file per galaxy, or one per galaxy and band."""

import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy import units

from astroclip.data.batch import Galaxy, Image
from astroclip.data.readers.bands import band, planes_of
from astroclip.data.readers.cutout import sky_at
from astroclip.data.readers.fits import FITSFile, is_fits, is_other, scale_of, sky, stem
from astroclip.data.readers.resample import rescaled
from astroclip.data.source import Facts, Positions, Source
from astroclip.survey import BANDS, PIXEL_SCALE
from sciformer.data.npy import numbers, read_arrays
from sciformer.text import counted

OF_BAND = re.compile(r"(.+)[-_.]([grz])")  # file name of a single band
NANOMAGGIES = re.compile(r"nano?magg|nmgy", re.IGNORECASE)
ZERO_POINTS = ("MAGZERO", "MAGZPT", "MAGZP", "ZEROPT", "PHOTZP", "ZP")  # keywords, AB magnitudes
JANSKYS = 3.631e-6  # of a nanomaggy
Found = tuple[list[str], list[np.ndarray], float | None]  # bands, their planes, arcsec per pixel


class Plane(NamedTuple):
    """Image of one band in a file, not yet read.

    Args:
        band: Its name; empty if the file does not say it.
        number: Index of its HDU.
        row: Its place in a cube; None if the HDU is no cube.
        header: Header of the HDU.
    """

    band: str
    number: int
    row: int | None
    header: Any


class ImageFiles(Source):
    """Image files in FITS, .npy or .npz; the file name is the id.

    A FITS file has a cube whose header names the bands (``BANDS``, or ``BAND0``, ...) or images of
    one band each (``BAND`` or ``FILTER``); or there are three files, whose names end in ``-g``,
    ``-r`` and ``-z``. An array is (3, height, width); a .npz file with ``image`` may also hold
    ``bands`` and ``scale``. Three planes without names are g, r and z. Values are nanomaggies, or
    of the unit or zero point in the header.

    Args:
        files: Id -> its files: one, or one per band (``by_galaxy``).
        scale: Arcsec per pixel; None uses the value in the file, or 0.262 if there is none.
    """

    def __init__(self, files: Mapping[str, Sequence[Path]], scale: float | None = None) -> None:
        self.files = files
        self.names = list(files)
        first = files[self.names[0]][0]
        super().__init__(str(first.parent), images=True, spectra=False)
        self.scale = scale
        self.placed = bool(np.isfinite(_position(first)).all())

    def __len__(self) -> int:
        return len(self.names)

    def id(self, number: int) -> str:
        return self.names[number]

    def place(self, number: int) -> str:
        return str(self.files[self.names[number]][0])

    def positions(self) -> Positions | None:
        if not self.placed:
            return None
        return np.array([_position(self.files[name][0]) for name in self.names])

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

    def facts(self) -> Facts:
        paths = self.files[self.names[0]]
        told = {"kind": f"images of {len(self)} galaxies, {counted(len(paths), 'file')} each"}
        if not is_fits(paths[0]):
            return {**told, "unit": "nanomaggies"}
        own, _, scale = _read(paths[0])
        told["bands"] = ", ".join(own) or "no names: g, r, z"
        if len(paths) > 1:
            told["bands"] = ", ".join(stem(path)[-1] for path in paths)
        told["pixel"] = f"{scale or PIXEL_SCALE:.4g} arcsec{'' if scale else ', which is assumed'}"
        file = FITSFile(paths[0])
        told["unit"], assumed = unit_of(paths[0], file.parts[planes_in(file)[0].number].header)[1:]
        file.files.close()
        return {**told, "assumed": assumed} if assumed else told


def by_galaxy(paths: Sequence[Path]) -> tuple[dict[str, list[Path]], dict[Path, str]]:
    """Group image files by galaxy: one file, or one per band.

    Args:
        paths: The files.

    Returns:
        Id -> files; and file -> why it cannot be used: the same id twice, a band is missing.
    """
    files: dict[str, list[Path]] = {}
    broken: dict[Path, str] = {}
    of_bands: dict[str, list[Path]] = {}
    for path in paths:
        match = OF_BAND.fullmatch(stem(path))
        name = str(path.parent / match[1]) if match else str(path.parent / stem(path))
        of_bands.setdefault(name if match else f"{name} ", []).append(path)
    for name, each in of_bands.items():
        alone = len(each) == 1  # and if it looks like a band's file, it is not
        id = stem(each[0]) if alone else Path(name).name
        try:
            if not alone:
                planes_of([stem(path)[-1] for path in each], f"{name}: files")
            if id in files:
                raise ValueError(f"{each[0]}: id {id} is that of {files[id][0]} as well")
            files[id] = each
        except ValueError as error:
            broken[each[0]] = str(error)
    return files, broken


def _image(bands: list[str], planes: list[np.ndarray], place: str) -> Image:
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
    if not bands and image.ndim == len(BANDS) == len(image):
        bands = [*BANDS]
    scale = float(arrays["scale"]) if "scale" in arrays else None
    return bands, [image] if image.ndim == 2 else list(image), scale


def _fits(path: Path) -> Found:
    """First cube of a file, or its images of single bands."""
    file = FITSFile(path)
    found: list[np.ndarray] = []
    scale = None
    try:
        planes = planes_in(file)
        for plane in planes:
            part = file.parts[plane.number]
            factor, *_ = unit_of(path, plane.header)
            with file.reading(part.name or f"HDU {plane.number}"):
                data = part.data if plane.row is None else part.data[plane.row]
                found.append(np.array(data, np.float32) * np.float32(factor))
                scale = scale_of(plane.header) or scale
    finally:
        file.files.close()
    if not planes:
        raise ValueError(f"{path}: no image of 2 or 3 axes in any HDU")
    return [plane.band for plane in planes if plane.band], found, scale


def planes_in(file: FITSFile) -> list[Plane]:
    """Planes of a file's first cube, or of its images of single bands, without noise and masks."""
    common = file.parts[0].header
    found: list[Plane] = []
    for number, part in enumerate(file.parts):
        if not part.is_image or len(part.shape) not in (2, 3) or is_other(part.header):
            continue
        names = _names(part.header) or _names(common)
        if len(part.shape) == 3:
            count = part.shape[0]
            names = names or ([*BANDS] if count == len(BANDS) else [])
            told = names if len(names) == count else [""] * count
            return [Plane(name, number, row, part.header) for row, name in enumerate(told)]
        found.append(Plane("".join(names[:1]), number, None, part.header))
    return found


def _names(header: Any) -> list[str]:
    """Bands that a header names."""
    together = str(header.get("BANDS", "")).replace(",", " ").strip()
    if together:
        return together.split() if " " in together else list(together)
    one_by_one = [key for key in (f"BAND{number}" for number in range(99)) if key in header]
    if one_by_one:
        return [str(header[key]) for key in one_by_one]
    return [band(str(header[key])) for key in ("BAND", "FILTER") if key in header][:1]


def unit_of(path: Path, header: Any) -> tuple[float, str, str]:
    """Nanomaggies per unit of an image.

    Args:
        path: Its file.
        header: Its header, with a unit of flux (BUNIT), or an AB zero point of its counts.

    Returns:
        The factor, what it is in words, and what is assumed because the header does not say it.

    Raises:
        ValueError: For another unit without a zero point.
    """
    said = str(header.get("BUNIT", "")).strip()
    key = next((one for one in ZERO_POINTS if isinstance(header.get(one), int | float)), None)
    if said and NANOMAGGIES.search(said):
        return 1.0, said, ""
    janskys = _janskys(said) if said else None
    if janskys is not None:
        return janskys / JANSKYS, f"{said}, converted to nanomaggies", ""
    if key is not None:
        factor = 10 ** ((22.5 - float(header[key])) / 2.5)
        return factor, f"{said or 'counts'} with the AB zero point {key} = {header[key]:g}", ""
    if said:
        raise ValueError(f"{path}: BUNIT: {said!r}; nanomaggies are needed")
    if _names(header) and "BANDS" in header:  # a cutout of the Legacy Surveys has no BUNIT
        return 1.0, "nanomaggies, as in cutouts of the Legacy Surveys", ""
    return 1.0, "nanomaggies", "the images are in nanomaggies: no BUNIT, no zero point"


def _janskys(said: str) -> float | None:
    """How many janskys a unit is; None if it is no flux density."""
    try:
        with warnings.catch_warnings(action="ignore"):
            factor: Any = units.Unit(said).to(units.Jy)
            return float(factor)
    except (ValueError, TypeError):
        return None


def _position(path: Path) -> tuple[float, float]:
    """Right ascension and declination of an image's center; NaN if the file does not tell."""
    if path.suffix == ".npz":
        arrays = read_arrays(path)
        both = [arrays[name].reshape(-1) for name in ("ra", "dec") if name in arrays]
        sizes = [each.size for each in both]
        return (float(both[0][0]), float(both[1][0])) if sizes == [1, 1] else (np.nan, np.nan)
    if not is_fits(path):
        return np.nan, np.nan
    file = FITSFile(path)
    try:
        for plane in planes_in(file):
            shape = file.parts[plane.number].shape
            with suppress(ValueError):  # which reading the image says
                wcs = sky(plane.header)
                if wcs is not None:
                    return sky_at(wcs, (shape[-1] - 1) / 2, (shape[-2] - 1) / 2)
    finally:
        file.files.close()
    return np.nan, np.nan
