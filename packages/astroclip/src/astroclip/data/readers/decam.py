"""Reader of DECam exposures and their CCD table: cutouts of galaxies in nanomaggies."""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from astroclip.data.batch import Galaxy
from astroclip.data.readers.bands import band, planes_of
from astroclip.data.readers.cutout import Exposure, Plane, cutout, sky_at
from astroclip.data.readers.fits import ARCSEC, FITSFile, is_fits, is_other, open_fits, sky
from astroclip.data.source import Positions, Source
from astroclip.survey import PIXEL_SCALE
from sciformer.data.open_files import OpenFiles

ZERO_POINT = "ccdzpt"  # column that identifies a CCD table
COLUMNS = ("expnum", "ccdname", "filter", "exptime", ZERO_POINT, "ccdskycounts")
NOISE = "sig1"  # optional column: noise per pixel in nanomaggies
MASKS = ("_ooi_", "_ood_")  # in the file names of an exposure and of its bad-pixel mask
NANOMAGGY = 22.5  # magnitude of one nanomaggy


class CCD(NamedTuple):
    """CCD image of an exposure, not yet read.

    Args:
        path: Its file.
        number: Index of its HDU.
        row: Its row of the CCD table.
        ra: Right ascension of its center in degrees.
        dec: Declination of its center in degrees.
        reach: Distance from its center to the nearest edge in degrees.
    """

    path: Path
    number: int
    row: Mapping[str, Any]
    ra: float
    dec: float
    reach: float


class Exposures(Source):
    """Galaxies in a folder of exposures: exposures that overlap on the sky show the same galaxy.

    Each galaxy becomes one image, north up, with pixels of 0.262 arcsec, centered on the brightest
    source near the middle of the overlap: the largest square that all bands cover, at most 152
    pixels wide. Exposures of a band are averaged with the inverse variances of the table. Pixels
    flagged in the mask file (``_ood_`` for ``_ooi_`` in its name) are ignored. The id is made of
    right ascension and declination.

    Args:
        folder: The exposures (FITS) and the CCD table.
        without: Files to ignore.

    Raises:
        ValueError: If there is no table, it lacks a column, or an exposure is not in it.
    """

    def __init__(self, folder: str | Path, without: Container[Path] = ()) -> None:
        super().__init__(str(folder), images=True, spectra=False)
        self.files = OpenFiles(open_fits)
        found = (path for path in Path(folder).rglob("*") if is_fits(path))
        paths = sorted(path for path in found if path not in without)
        tables = [path for path in paths if is_ccd_table(FITSFile(path, self.files))]
        if not tables:
            raise ValueError(f"{folder}: no CCD table, a FITS table with {', '.join(COLUMNS)}")
        self.rows = {key: row for path in tables for key, row in self._rows(path).items()}
        others = [path for path in paths if path not in tables]
        self.groups = _overlapping([ccd for path in others for ccd in self._ccds(path)])

    def __len__(self) -> int:
        return len(self.groups)

    def id(self, number: int) -> str:
        ra, dec = _middle(self.groups[number])
        return f"{ra:.4f}{dec:+.4f}"

    def positions(self) -> Positions:
        return np.array([_middle(group) for group in self.groups]).reshape(-1, 2)

    def read(self, number: int) -> Galaxy:
        group = self.groups[number]
        planes_of(sorted({ccd.row["filter"] for ccd in group}), self.place(number))
        exposures = [self._exposure(ccd) for ccd in group]
        try:
            image = cutout(exposures, _middle(group))
        except ValueError as error:
            raise ValueError(f"{self.place(number)}: {error}") from error
        return Galaxy(self.id(number), image, None, None, {})

    def _rows(self, path: Path) -> dict[tuple[int, str], Mapping[str, Any]]:
        """CCD table: (exposure number, CCD name) -> row."""
        file = FITSFile(path, self.files)
        table = file.table(ZERO_POINT)
        names = [*COLUMNS, *([NOISE] if file.has(table, NOISE) else [])]
        columns = [file.column(table, name).tolist() for name in names]
        rows = (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))
        return {
            (row["expnum"], str(row["ccdname"]).strip()): {**row, "filter": band(row["filter"])}
            for row in rows
        }

    def _ccds(self, path: Path) -> list[CCD]:
        """CCD images of a file that are in the table."""
        parts = FITSFile(path, self.files).parts
        common, found, keys = parts[0].header, [], []
        for number, part in enumerate(parts):
            if not part.is_image or len(part.shape) != 2:
                continue
            if is_other(part.header) or is_other(common):
                return []  # the masks and weights beside an exposure
            keys.append((part.header.get("EXPNUM", common.get("EXPNUM")), part.name))
            row = self.rows.get(keys[-1])
            if row is not None:
                wcs, (height, width) = _wcs(path, part.header), part.shape
                ra, dec = sky_at(wcs, (width - 1) / 2, (height - 1) / 2)
                reach = min(part.shape) / 2 * PIXEL_SCALE / ARCSEC
                found.append(CCD(path, number, row, ra, dec, reach))
        if keys and not found:
            raise ValueError(f"{path}: EXPNUM and EXTNAME {keys[0]}: not in the CCD table")
        return found

    def _exposure(self, ccd: CCD) -> Exposure:
        flux, wcs = self._plane(ccd.path, ccd.number)
        sky_level = ccd.row["ccdskycounts"] * ccd.row["exptime"]
        per_nanomaggy = ccd.row["exptime"] * 10 ** ((ccd.row[ZERO_POINT] - NANOMAGGY) / 2.5)
        if not (np.isfinite(sky_level) and 0 < per_nanomaggy < np.inf):
            raise ValueError(
                f"{ccd.path}: CCD table: exptime, {ZERO_POINT} and ccdskycounts must be finite, "
                "exptime above 0"
            )
        mask = ccd.path.with_name(ccd.path.name.replace(*MASKS))
        if mask != ccd.path and mask.is_file():
            flux = np.where(self._plane(mask, ccd.number)[0] == 0, flux, np.nan)
        noise = float(ccd.row.get(NOISE, 1.0))
        weight = noise**-2 if 0 < noise < np.inf else 1.0
        return Exposure(ccd.row["filter"], (flux - sky_level) / per_nanomaggy, wcs, weight)

    def _plane(self, path: Path, number: int) -> tuple[Plane, WCS]:
        file = FITSFile(path, self.files)
        part = file.parts[number]
        with file.reading(part.name):
            return np.array(part.data, np.float64), _wcs(path, part.header)


def is_ccd_table(file: FITSFile) -> bool:
    """Whether a FITS file holds a table of CCDs and their zero points."""
    return file.table(ZERO_POINT) is not None


def _overlapping(ccds: Sequence[CCD]) -> list[list[CCD]]:
    """Groups of CCDs that contain the center of the group's first one."""
    groups: list[list[CCD]] = []
    for ccd in ccds:
        for group in groups:
            first = group[0]
            across = _around(ccd.ra - first.ra) * np.cos(np.radians(first.dec))
            if np.hypot(across, ccd.dec - first.dec) < min(ccd.reach, first.reach):
                group.append(ccd)
                break
        else:
            groups.append([ccd])
    return groups


def _middle(ccds: Sequence[CCD]) -> tuple[float, float]:
    first = ccds[0].ra
    ra = first + float(np.mean([_around(ccd.ra - first) for ccd in ccds]))
    return ra % 360, float(np.mean([ccd.dec for ccd in ccds]))


def _around(degrees: float) -> float:
    """Difference of right ascensions, the short way around."""
    return (degrees + 180) % 360 - 180


def _wcs(path: Path, header: fits.Header) -> WCS:
    found = sky(header)
    if found is None:
        raise ValueError(f"{path}: CTYPE1: no world coordinates in the header")
    return found
