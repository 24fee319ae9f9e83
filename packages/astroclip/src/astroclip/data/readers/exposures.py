"""Reader of exposures of the Legacy Surveys and their CCD table: cutouts in nanomaggies."""

import re
from collections.abc import Container, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.wcs import WCS

from astroclip.data.batch import Galaxy
from astroclip.data.entry import OnError
from astroclip.data.on_error import FLAG
from astroclip.data.readers.bands import planes_of
from astroclip.data.readers.catalogs import Catalog
from astroclip.data.readers.ccd_table import (
    FACTOR,
    NANOMAGGY,
    NEEDED,
    OPTIONAL,
    ZERO_POINT,
    CCDTable,
    Row,
    is_ccd_table,
    sky_and_scale,
)
from astroclip.data.readers.cutout import (
    Exposure,
    Plane,
    cutout,
    field_question,
    pixel_scale,
    sky_at,
    wcs_of,
    within,
)
from astroclip.data.readers.fits import ARCSEC, FITSFile, is_fits, is_other, open_fits
from astroclip.data.source import Facts, Positions, Source
from sciformer.data.open_files import OpenFiles

FIELD = 512  # pixels along a side from which on an image is a field of galaxies
# The NOIRLab pipeline's name of a product: ooi, oki, ood, oow; the last letter is its kind.
PRODUCT = re.compile(r"(?:^|_)o[okprs]([idw])(?=_|$)")
PRODUCTS = {"i": "image", "d": "mask", "w": "weight"}


class CCD(NamedTuple):
    """CCD image of an exposure, not yet read.

    Args:
        path: Its file.
        number: Index of its HDU.
        row: Its row of the CCD table.
        wcs: Its world coordinates.
        shape: Rows and columns.
        mask: File of its bad-pixel mask, if there is one.
        weight: File of its weights, if there is one.
    """

    path: Path
    number: int
    row: Row
    wcs: WCS
    shape: tuple[int, int]
    mask: Path | None = None
    weight: Path | None = None

    @property
    def middle(self) -> tuple[float, float]:
        """Right ascension and declination of its center in degrees."""
        return sky_at(self.wcs, (self.shape[1] - 1) / 2, (self.shape[0] - 1) / 2)

    @property
    def reach(self) -> float:
        """Distance from its center to the nearest edge in degrees."""
        return min(self.shape) / 2 * pixel_scale(self.wcs) / ARCSEC


class Exposures(Source):
    """Galaxies in a folder of exposures of DECam, 90Prime or Mosaic, and their CCD table.

    Exposures that overlap on the sky show the same galaxy: one image, north up, with pixels of
    0.262 arcsec, centered on the brightest source near the middle of the overlap, the largest
    square that all bands cover, at most 152 pixels wide. Exposures of a band are averaged with the
    inverse variances of the table. Masks (``_ood_``) and weights (``_oow_``), known by their names,
    headers or content, take bad pixels out. The id is made of right ascension and declination.

    Args:
        folder: The exposures (FITS) and the CCD table.
        without: Files to ignore.
        on_error: ``stop`` for an exposure that cannot be used; ``skip`` puts it into ``broken``.
        catalog: Galaxies to cut out; None takes the one in the middle of the exposures.

    Raises:
        ValueError: If there is no table, it lacks a column, an exposure is not in it, or exposures
            show a field of galaxies and there is no catalog.
    """

    def __init__(
        self,
        folder: str | Path,
        without: Container[Path] = (),
        on_error: OnError = "stop",
        catalog: Catalog | None = None,
    ) -> None:
        super().__init__(str(folder), images=True, spectra=False)
        self.files = OpenFiles(open_fits)
        found = (path for path in Path(folder).rglob("*") if is_fits(path))
        paths = sorted(path for path in found if path not in without)
        tables = [path for path in paths if is_ccd_table(FITSFile(path, self.files))]
        if not tables:
            columns = ", ".join((*OPTIONAL[:2], *NEEDED))
            raise ValueError(f"{folder}: no CCD table, a FITS table with {columns}")
        self.table = CCDTable([FITSFile(path, self.files) for path in tables])
        self.broken: dict[Path, str] = {}
        self.beside: dict[Path, str] = dict.fromkeys(tables, "CCD table of the exposures")
        parts: dict[int, list[tuple[str, CCD]]] = {}
        for path in (path for path in paths if path not in tables):
            try:
                for kind, ccd in self._ccds(path):
                    parts.setdefault(id(ccd.row), []).append((kind, ccd))
            except ValueError as error:
                if on_error != "skip":
                    raise ValueError(f"{error} ({FLAG})") from error
                self.broken[path] = str(error)
        self.ccds = [ccd for some in parts.values() for ccd in self._with_mask(some)]
        self.catalog = catalog
        self.groups = self._groups(self.ccds, catalog)

    def __len__(self) -> int:
        return len(self.groups)

    def id(self, number: int) -> str:
        if self.catalog is not None:
            return self.catalog.ids[self.groups[number][0]]
        ra, dec = _middle(self.groups[number][1])
        return f"{ra:.4f}{dec:+.4f}"

    def positions(self) -> Positions:
        if self.catalog is not None:
            return self.catalog.positions[[row for row, _ in self.groups]]
        return np.array([_middle(group) for _, group in self.groups]).reshape(-1, 2)

    def read(self, number: int) -> Galaxy:
        row, group = self.groups[number]
        planes_of(sorted({ccd.row["filter"] for ccd in group}), self.place(number))
        exposures = [self._exposure(ccd) for ccd in group]
        middle = _middle(group) if self.catalog is None else tuple(self.catalog.positions[row])
        try:
            image = cutout(exposures, middle, centered=self.catalog is not None)
        except ValueError as error:
            raise ValueError(f"{self.place(number)}: {error}") from error
        return Galaxy(self.id(number), image, None, None, {})

    def facts(self) -> Facts:
        first = self.ccds[0]
        plane = self._plane(first.path, first.number)
        level, scale = sky_and_scale(first.path, first.row, float(np.nanmedian(plane)))
        bands = sorted(ccd.row["filter"] for ccd in self.ccds)
        unit = "counts" if scale > 10 ** ((first.row[ZERO_POINT] - NANOMAGGY) / 2.5) else "counts/s"
        masks = sum(ccd.mask is not None for ccd in self.ccds)
        weights = sum(ccd.weight is not None for ccd in self.ccds)
        return {
            "kind": f"{len(self.ccds)} exposures in {', '.join(bands)}, with their CCD table",
            "unit": f"{unit} to nanomaggies: sky {level:.6g} subtracted, then divided by "
            f"{scale:.6g} (zero point {first.row[ZERO_POINT]:g}); of {first.path.name}",
            "masks": f"{masks} masks and {weights} weight images take bad pixels out",
        }

    def _groups(self, ccds: Sequence[CCD], catalog: Catalog | None) -> list[tuple[int, list[CCD]]]:
        """Number in the catalog, and exposures, of each galaxy."""
        if catalog is not None:
            seen = [within(ccd.wcs, ccd.shape, catalog.positions) for ccd in ccds]
            some = [
                (row, [ccd for ccd, there in zip(ccds, seen, strict=True) if there[row]])
                for row in range(len(catalog.ids))
            ]
            return [(row, group) for row, group in some if group]
        for ccd in ccds:
            if max(ccd.shape) > FIELD:
                raise ValueError(field_question(ccd.path, ccd.shape, self.where))
        return list(enumerate(_overlapping(ccds)))

    def _ccds(self, path: Path) -> list[tuple[str, CCD]]:
        """CCD images of a file that are in the table, and whether they are masks or weights."""
        file = FITSFile(path, self.files)
        parts = [(n, p) for n, p in enumerate(file.parts) if p.is_image and len(p.shape) == 2]
        found, keys = [], []
        kind = product(path)
        for number, part in parts:
            exposure = file.header(part, "EXPNUM")
            keys.append((exposure, part.name))
            row = self.table.row(path, number, part.name, exposure, len(parts) == 1)
            other = is_other(part.header) or is_other(file.parts[0].header)
            if row is None and kind in ("mask", "weight"):
                row = self.table.row(_image_of(path), number, part.name, exposure, len(parts) == 1)
            if row is not None:
                own = kind or ("mask" if other else "")
                found.append((own, CCD(path, number, row, wcs_of(path, part.header), part.shape)))
            elif other:
                return []
        exposed = kind == "image" or any(number is not None for number, _ in keys)
        if keys and not found and exposed and kind in ("", "image"):
            raise ValueError(f"{path}: EXPNUM and EXTNAME {keys[0]}: not in the CCD table")
        return found

    def _with_mask(self, some: Sequence[tuple[str, CCD]]) -> list[CCD]:
        """Image of a row of the table, if it is there, with its mask and weights."""
        told = {
            kind: [ccd for each, ccd in some if each == kind]
            for kind in ("image", "mask", "weight", "")
        }
        unknown = told[""]
        if len(unknown) > 1 or (unknown and told["image"]):  # their names do not say it
            for ccd in unknown:
                told[self._looks_like(ccd)].append(ccd)
        else:
            told["image"] += unknown
        images = told["image"]
        if len(images) > 1:
            first, second = images[:2]
            raise ValueError(
                f"{second.path}: the same exposure as {first.path}; which is the image?"
            )
        mask, weight = (told[kind][0].path if told[kind] else None for kind in ("mask", "weight"))
        return [ccd._replace(mask=mask, weight=weight) for ccd in images]

    def _looks_like(self, ccd: CCD) -> str:
        """Kind of an image by its numbers: a mask has whole ones, an exposure has the sky in it."""
        file = FITSFile(ccd.path, self.files)
        plane = self._plane(ccd.path, ccd.number)
        if file.parts[ccd.number].header["BITPIX"] > 0 and (plane == np.round(plane)).all():
            return "mask"
        try:
            level, _ = sky_and_scale(ccd.path, ccd.row, float(np.nanmedian(plane)))
        except ValueError:
            return "weight"
        return "image" if level / FACTOR < np.nanmedian(plane) < level * FACTOR else "weight"

    def _exposure(self, ccd: CCD) -> Exposure:
        flux = self._plane(ccd.path, ccd.number)
        level, scale = sky_and_scale(ccd.path, ccd.row, float(np.nanmedian(flux)))
        if ccd.mask is not None:
            flux = np.where(self._plane(ccd.mask, ccd.number) == 0, flux, np.nan)
        if ccd.weight is not None:
            flux = np.where(self._plane(ccd.weight, ccd.number) > 0, flux, np.nan)
        noise = float(ccd.row.get("sig1", 1.0))
        weight = noise**-2 if 0 < noise < np.inf else 1.0
        return Exposure(ccd.row["filter"], (flux - level) / scale, ccd.wcs, weight)

    def _plane(self, path: Path, number: int) -> Plane:
        file = FITSFile(path, self.files)
        part = file.parts[number]
        with file.reading(part.name):
            return np.array(part.data, np.float64)


def product(path: Path) -> str:
    """Kind of a product of the NOIRLab pipeline by its name: image, mask or weight; else empty."""
    found = PRODUCT.search(path.name.partition(".")[0])
    return PRODUCTS[found[1]] if found else ""


def _image_of(path: Path) -> Path:
    """Name of the exposure to which a mask or weight image belongs."""
    return path.with_name(PRODUCT.sub("_ooi", path.name, count=1))


def _overlapping(ccds: Sequence[CCD]) -> list[list[CCD]]:
    """Groups of CCDs that contain the center of the group's first one."""
    groups: list[list[CCD]] = []
    for ccd in ccds:
        for group in groups:
            (ra, dec), (first_ra, first_dec) = ccd.middle, group[0].middle
            across = _around(ra - first_ra) * np.cos(np.radians(first_dec))
            if np.hypot(across, dec - first_dec) < min(ccd.reach, group[0].reach):
                group.append(ccd)
                break
        else:
            groups.append([ccd])
    return groups


def _middle(ccds: Sequence[CCD]) -> tuple[float, float]:
    middles = [ccd.middle for ccd in ccds]
    first = middles[0][0]
    ra = first + float(np.mean([_around(ra - first) for ra, _ in middles]))
    return ra % 360, float(np.mean([dec for _, dec in middles]))


def _around(degrees: float) -> float:
    """Difference of right ascensions, the short way around."""
    return (degrees + 180) % 360 - 180
