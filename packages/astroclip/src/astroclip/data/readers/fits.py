"""FITS files, opened lazily, with one-line errors."""

import gzip
import os
import re
import warnings
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning
from astropy.utils.exceptions import AstropyUserWarning
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import proj_plane_pixel_scales

from astroclip.data.readers.fits_sizes import check_sizes
from sciformer.data.open_files import LazyFile, OpenFiles
from sciformer.text import reason

SUFFIXES = (".fits.gz", ".fits.fz", ".fits", ".fit")
ARCSEC = 3600.0  # arcsec per degree
KINDS = ("IMAGETYP", "IMTYPE", "PRODTYPE", "EXTNAME")  # keywords that tell the type of an image
OTHERS = re.compile(
    r"ivar|invvar|mask|wtmap|weight|wht|psf|depth|nexp|chi2|model|resid|sigma|blobs", re.IGNORECASE
)
SCALAR = re.compile(r"1?[LXBIJKED]|\d*A")  # formats of columns with one value per row
# Magic bytes of compressed files, at the start and of a further member.
GZIP, FITS, HEADER = b"\x1f\x8b", b"SIMPLE", b"XTENSION"
RATIO, SMALL = 100, 2**24  # largest compression ratio, and bytes always allowed; masks are mostly 0
PIECE = 2**20
OpenFITS = OpenFiles[Path, fits.HDUList]


def open_fits(path: Path) -> fits.HDUList:
    """Open a FITS file for reading and check that it is complete.

    Args:
        path: The file; may be compressed.

    Returns:
        HDUs; arrays are read when used.

    Raises:
        ValueError: If it does not exist, is not FITS or is truncated.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "File may have been truncated", AstropyUserWarning)
        warnings.filterwarnings("error", "Error validating header", AstropyUserWarning)
        warnings.simplefilter("ignore", VerifyWarning)
        try:
            file = _unpacked(path)
            check_sizes(file)
            found = fits.open(file)
            _see_the_end(file, found)
        except AstropyUserWarning as error:
            raise ValueError(f"{path}: truncated: {reason(error)}") from error
        except Exception as error:  # astropy raises dozens of types for malformed input
            cut = isinstance(error, EOFError) or "END card" in str(error)
            what = "truncated" if cut else "truncated or not FITS"
            raise ValueError(f"{path}: {what}: {reason(error)}") from error
    return found


class FITSFile(LazyFile[fits.HDUList]):
    """HDUs of a FITS file, which each process opens on first use.

    Args:
        path: The file.
        files: Open FITS files to share with other readers.
    """

    def __init__(self, path: str | Path, files: OpenFITS | None = None) -> None:
        super().__init__(path, open_fits, files)

    @property
    def parts(self) -> list[Any]:
        """All HDUs, in order."""
        return list(self.file)

    def part(self, name: str) -> Any:
        """HDU by name, not yet read; ``ValueError`` if there is none."""
        for found in self.parts:
            if found.name.upper() == name:
                return found
        there = ", ".join(part.name for part in self.parts if part.name)
        raise ValueError(
            f"{self.path}: {name}: no such HDU; there are {there or 'none with a name'}"
        )

    def table(self, column: str) -> Any:
        """First table with a column (case-insensitive), or None."""
        for found in self.parts:
            if self.has(found, column):
                return found
        return None

    def has(self, table: Any, column: str) -> bool:
        """Whether a table has a column; False if there is no such table.

        Args:
            table: HDU, or its name.
            column: Name, case-insensitive.

        Returns:
            True if it has.

        Raises:
            ValueError: If there is no HDU of this name.
        """
        found = self.part(table) if isinstance(table, str) else table
        return isinstance(found, fits.BinTableHDU) and column.lower() in _names(found)

    def is_table(self, part: Any) -> bool:
        """Whether an HDU is a binary table."""
        return isinstance(part, fits.BinTableHDU)

    def header(self, part: Any, *keys: str) -> Any:
        """Value of the first of some keywords that an HDU or the primary HDU has, or None."""
        for header in (part.header, self.parts[0].header):
            for key in keys:
                if key in header:
                    return header[key]
        return None

    def column(self, table: Any, name: str) -> np.ndarray:
        """Column of a table, in native byte order.

        Args:
            table: HDU, or its name.
            name: Name of the column, case-insensitive.

        Returns:
            Its values.

        Raises:
            ValueError: If there is no such table or column, or it cannot be read.
        """
        found = self.part(table) if isinstance(table, str) else table
        if not isinstance(found, fits.BinTableHDU):
            raise ValueError(f"{self.path}: {table}: no table")
        if name.lower() not in _names(found):
            raise ValueError(f"{self.path}: {found.name or 'table'}: no column {name!r}")
        with self.reading(name):
            values = np.asarray(found.data[name])
        return values.astype(values.dtype.newbyteorder("="))


def is_fits(path: Path) -> bool:
    """Whether a file name has a FITS suffix."""
    return path.name.endswith(SUFFIXES)


def stem(path: Path) -> str:
    """File name without the suffixes of its format."""
    found = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), path.suffix)
    return path.name.removesuffix(found)


def is_scalar(column: Any) -> bool:
    """Whether a column of a table has one number or text per row."""
    return SCALAR.fullmatch(str(column.format)) is not None and not column.dim


def is_other(header: fits.Header) -> bool:
    """Whether a header marks an image as noise or mask."""
    return any(OTHERS.search(str(header.get(key, ""))) for key in KINDS)


def sky(header: fits.Header) -> WCS | None:
    """World coordinates of an image, or None if the header has none.

    Args:
        header: Header of the image.

    Returns:
        The coordinates on the sky.

    Raises:
        ValueError: If a keyword of the coordinates has a value of another type.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        warnings.simplefilter("ignore", AstropyUserWarning)
        try:
            found = WCS(header)
        except (AttributeError, TypeError) as error:  # astropy takes text and numbers as they come
            raise ValueError(f"coordinates on the sky: {error}") from error
    return found.celestial if found.has_celestial else None


def scale_of(header: fits.Header) -> float | None:
    """Pixel scale in arcsec, or None if the header does not tell."""
    found = sky(header)
    if found is None:
        return None
    return float(np.sqrt(np.prod(proj_plane_pixel_scales(found)))) * ARCSEC


def _unpacked(path: Path) -> IO[bytes]:
    """The file, or a decompressed copy on disk, which allows random access."""
    file = path.open("rb")
    packed = file.read(len(GZIP)) == GZIP
    file.seek(0)
    if not packed:
        return file
    most = RATIO * path.stat().st_size + SMALL
    with TemporaryFile() as copy:
        with file, gzip.open(file) as whole:
            while piece := whole.read(PIECE):
                if not copy.tell() and not piece.startswith(FITS):
                    raise ValueError("what gzip packed is not FITS")
                if copy.tell() + len(piece) > most:
                    raise ValueError(f"gzip packed more than {most} bytes in it")
                copy.write(piece)
        copy.seek(0)
        return os.fdopen(os.dup(copy.fileno()), "rb")


def _see_the_end(file: IO[bytes], parts: fits.HDUList) -> None:
    """Raise if there are HDUs that astropy did not read; it silently ignores damaged ones."""
    last: Any = parts.fileinfo(len(parts) - 1)
    final: Any = parts[-1]
    file.seek(last["datLoc"] + last["datSpan"])
    if file.read(len(HEADER)) == HEADER:
        raise EOFError(f"nothing can be read after {final.name or 'the first HDU'}")


def _names(table: fits.BinTableHDU) -> list[str]:
    columns: Any = table.columns
    return [str(name).lower() for name in columns.names]
