"""Galaxies of a catalog, cut out of images of fields: bricks of the Legacy Surveys, mosaics."""

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from astropy.wcs import WCS

from astroclip.data.batch import Galaxy
from astroclip.data.readers.bands import band, planes_of
from astroclip.data.readers.catalogs import Catalog
from astroclip.data.readers.cutout import (
    LARGEST,
    north_up,
    pixel_scale,
    pixels_of,
    regridded,
    wcs_of,
)
from astroclip.data.readers.fits import ARCSEC, FITSFile, open_fits, stem
from astroclip.data.readers.images import Plane, planes_in, unit_of
from astroclip.data.readers.resample import SAME_SCALE
from astroclip.data.source import Facts, Positions, Source
from astroclip.survey import BANDS, PIXEL_SCALE
from sciformer.data.open_files import OpenFiles

NAME = re.compile(r"legacysurvey-.+-image-\w+")  # of a brick's coadd
KEYS = ("BRICK", "BRICKNAME", "BRICKID")  # in its header
FIELD = 1024  # pixels along a side from which on an image is one of many galaxies
SMALLEST = 8  # pixels from a galaxy to the edge


class Bricks(Source):
    """Images of a catalog's galaxies, cut out of fields: 152 x 152 pixels, less at the edges.

    Pixels are taken as they are if they are north up and of 0.262 arcsec, and resampled if not.

    Args:
        files: Name of a field -> its files: one with all bands, or one per band.
        catalog: The galaxies.
        where: Name in errors.

    Raises:
        ValueError: If a field has no world coordinates, or no galaxy is in any field.
    """

    def __init__(self, files: Mapping[str, Sequence[Path]], catalog: Catalog, where: str) -> None:
        super().__init__(where, images=True, spectra=False)
        self.files, self.catalog = files, catalog
        self.open = OpenFiles(open_fits)
        best = np.zeros(len(catalog.ids))  # distance to the nearest edge
        field = np.full(len(catalog.ids), "", object)
        for name, paths in files.items():
            wcs, shape = self._field(paths[0])
            x, y = pixels_of(wcs, shape, catalog.positions)
            inside = np.nan_to_num(np.min([x, y, shape[1] - 1 - x, shape[0] - 1 - y], 0), nan=-1.0)
            field, best = np.where(inside > best, name, field), np.maximum(inside, best)
        (self.rows,) = np.nonzero(field != "")
        self.fields = field[self.rows].tolist()
        if not len(self.rows):
            raise ValueError(
                f"{where}: catalog: none of its {len(field)} positions is in the image"
            )
        outside = len(field) - len(self.rows)
        if outside:
            said = f"{outside} of {len(field)} galaxies of the catalog are in none of the images"
            warnings.warn(f"{where}: {said}; they are left out", stacklevel=2)

    def __len__(self) -> int:
        return len(self.rows)

    def id(self, number: int) -> str:
        return self.catalog.ids[self.rows[number]]

    def place(self, number: int) -> str:
        return f"{self.files[self.fields[number]][0]}: {self.id(number)}"

    def positions(self) -> Positions:
        return self.catalog.positions[self.rows]

    def read(self, number: int) -> Galaxy:
        position, place = self.catalog.positions[self.rows[number]], self.place(number)
        found: dict[str, np.ndarray] = {}
        paths = self.files[self.fields[number]]
        for path in paths:
            file = FITSFile(path, self.open)
            planes = planes_in(file)
            named = [
                band(plane.band or (stem(path)[-1] if len(paths) > 1 else "")) for plane in planes
            ]
            if not any(named) and len(planes) == len(BANDS):
                named = list(BANDS)
            for name, plane in zip(named, planes, strict=True):
                if name in BANDS:
                    found[name] = self._cut(file, plane, position, place)
        planes_of(list(found), place)
        return Galaxy(self.id(number), np.stack([found[name] for name in BANDS]), None, None, {})

    def facts(self) -> Facts:
        path = self.files[self.fields[0]][0]
        file = FITSFile(path, self.open)
        plane = planes_in(file)[0]
        _, unit, assumed = unit_of(path, plane.header)
        wcs, shape = self._field(path)
        told = {
            "kind": f"{len(self)} galaxies of the catalog, cut out of {len(self.files)} fields",
            "field": f"{shape[1]} x {shape[0]} pixels of {pixel_scale(wcs):.4g} arcsec",
            "unit": unit,
        }
        return {**told, "assumed": assumed} if assumed else told

    def _field(self, path: Path) -> tuple[WCS, tuple[int, int]]:
        """World coordinates and shape of a field."""
        file = FITSFile(path, self.open)
        planes = planes_in(file)
        if not planes:
            raise ValueError(f"{path}: no image of 2 or 3 axes in any HDU")
        return wcs_of(path, planes[0].header), file.parts[planes[0].number].shape[-2:]

    def _cut(self, file: FITSFile, plane: Plane, position: np.ndarray, place: str) -> np.ndarray:
        """Square around a position in one band, in nanomaggies."""
        part = file.parts[plane.number]
        wcs, (height, width) = wcs_of(file.path, plane.header), part.shape[-2:]
        factor, *_ = unit_of(file.path, plane.header)
        scale = pixel_scale(wcs)
        x, y = (float(each[0]) for each in pixels_of(wcs, (height, width), position[None]))
        column, row = round(x), round(y)
        reach = int(LARGEST / 2 * PIXEL_SCALE / scale)
        half = min(reach, column, row, width - column, height - row)
        if half < SMALLEST * PIXEL_SCALE / scale:
            raise ValueError(f"{place}: {max(half, 0)} pixels from the edge; {SMALLEST} are needed")
        aligned = _north_up(wcs) and abs(scale / PIXEL_SCALE - 1) < SAME_SCALE
        around = half if aligned else min(2 * half, column, row, width - column, height - row)
        rows, columns = slice(row - around, row + around), slice(column - around, column + around)
        index = (rows, columns) if plane.row is None else (plane.row, rows, columns)
        with file.reading(part.name or f"HDU {plane.number}"):
            values = np.array(part.section[index], np.float32) * np.float32(factor)
        if aligned:
            return values
        size = 2 * int(half * scale / PIXEL_SCALE / (1 if _north_up(wcs) else np.sqrt(2)))
        first = (LARGEST - size) // 2
        new, _ = regridded(
            values.astype(np.float64), wcs[rows, columns], north_up(tuple(position)), LARGEST
        )
        return new[first : first + size, first : first + size].astype(np.float32)


def is_field(file: FITSFile) -> bool:
    """Whether an image is one of many galaxies: a brick by its name or header, or large."""
    if NAME.fullmatch(stem(file.path)):
        return True
    images = [file.parts[plane.number] for plane in planes_in(file)]
    named = any(key in each.header for key in KEYS for each in (*images, file.parts[0]))
    return named or any(max(each.shape[-2:]) > FIELD for each in images)


def _north_up(wcs: WCS) -> bool:
    """Whether rows go north and columns west."""
    (west, across), (along, north) = wcs.pixel_scale_matrix * ARCSEC
    small = SAME_SCALE * abs(north)
    return bool(west < 0 < north and abs(across) < small and abs(along) < small)
