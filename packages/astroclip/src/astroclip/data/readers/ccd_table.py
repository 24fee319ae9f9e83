"""CCD tables of the Legacy Surveys (``survey-ccds-*.fits``): zero point and sky of every CCD."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from astroclip.data.readers.bands import band
from astroclip.data.readers.fits import FITSFile, stem

ZERO_POINT = "ccdzpt"  # column that identifies a CCD table
NEEDED = ("filter", "exptime", ZERO_POINT, "ccdskycounts", "ccdname")
NAMED = "image_filename"  # 90Prime's exposures have no other name in their headers
OPTIONAL = ("expnum", NAMED, "image_hdu", "sig1")  # sig1: noise per pixel in nanomaggies
PER_SECOND = ("ksb_", "k4m_")  # names of 90Prime's and Mosaic's exposures, in electrons per second
FACTOR = 3.0  # a median of an image within this factor of a sky level is sky
NANOMAGGY = 22.5  # magnitude of one nanomaggy
Row = Mapping[str, Any]


class CCDTable:
    """Rows of CCD tables.

    Args:
        files: The tables; they have ``NEEDED`` and one of ``expnum`` and ``image_filename``.

    Raises:
        ValueError: If a column is missing.
    """

    def __init__(self, files: Sequence[FITSFile]) -> None:
        self.paths = [file.path for file in files]
        self.by_number: dict[tuple[int, str], Row] = {}
        self.by_file: dict[str, list[Row]] = {}
        for row in (row for file in files for row in _rows(file)):
            if "expnum" in row:
                self.by_number[row["expnum"], row["ccdname"].lower()] = row
            if NAMED in row:
                self.by_file.setdefault(_name(row[NAMED]), []).append(row)

    def row(
        self, path: Path, number: int, name: str, exposure: int | None, alone: bool
    ) -> Row | None:
        """The row of a CCD, found by the name of its file, or else by the number of its exposure.

        Args:
            path: Its file; may have the name of the CCD behind that of the table.
            number: Index of its HDU.
            name: Name of its HDU.
            exposure: Its EXPNUM, if there is one.
            alone: Whether the file has no other image.

        Returns:
            The row; None if it is not in the table.
        """
        own = stem(path)
        files = (own, own.rpartition(".")[0], own.rpartition("-")[0])
        rows = next((self.by_file[one] for one in files if one in self.by_file), [])
        for row in rows:
            if row["ccdname"].lower() == name.lower():
                return row
        if not rows and exposure is not None:
            return self.by_number.get((exposure, name.lower()))
        same = [row for row in rows if row.get("image_hdu") == number]
        return same[0] if same else rows[0] if len(rows) == 1 and alone else None


def is_ccd_table(file: FITSFile) -> bool:
    """Whether a FITS file holds a table of CCDs and their zero points."""
    return file.table(ZERO_POINT) is not None


def sky_and_scale(path: Path, row: Row, median: float) -> tuple[float, float]:
    """Sky level of an exposure, and how much of its unit is one nanomaggy.

    DECam's images are counts of the whole exposure, 90Prime's and Mosaic's are per second, whatever
    BUNIT says; the sky in the image, of which the table has counts per second, tells them apart.

    Args:
        path: File of the exposure.
        row: Its row of the table.
        median: Median of the image.

    Returns:
        Both, in the unit of the image.

    Raises:
        ValueError: If the row has no such numbers, or the image has no sky in it.
    """
    seconds, sky = float(row["exptime"]), float(row["ccdskycounts"])
    per_nanomaggy = 10 ** ((float(row[ZERO_POINT]) - NANOMAGGY) / 2.5)
    if not (np.isfinite(sky) and 0 < per_nanomaggy < np.inf and 0 < seconds < np.inf):
        wanted = f"exptime, {ZERO_POINT} and ccdskycounts must be finite, exptime above 0"
        raise ValueError(f"{path}: CCD table: {wanted}")
    usual, other = (1.0, seconds) if path.name.startswith(PER_SECOND) else (seconds, 1.0)
    times = next((one for one in (usual, other) if _alike(median, sky * one)), usual)
    if sky > 0 and median < sky * times / FACTOR:
        raise ValueError(
            f"{path}: ccdskycounts: {sky:g} per second, so {sky * times:g} in the image, whose "
            f"median is {median:g}: was the sky subtracted?"
        )
    return sky * times, per_nanomaggy * times


def _alike(median: float, sky: float) -> bool:
    return sky / FACTOR < median < sky * FACTOR


def _rows(file: FITSFile) -> list[dict[str, Any]]:
    table = file.table(ZERO_POINT)
    names = [*NEEDED, *(name for name in OPTIONAL if file.has(table, name))]
    if "expnum" not in names and NAMED not in names:
        raise ValueError(f"{file.path}: table: neither a column 'expnum' nor {NAMED!r}")
    columns = [file.column(table, name).tolist() for name in names]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    for row in rows:
        row["filter"], row["ccdname"] = band(row["filter"]), str(row["ccdname"]).strip()
    return rows


def _name(file: str) -> str:
    return stem(Path(file.strip()))
