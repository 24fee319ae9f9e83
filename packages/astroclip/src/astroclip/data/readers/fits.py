"""FITS files, and errors in one line."""

import gzip
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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
from sciformer.data.open_files import OpenFiles
from sciformer.text import reason

SUFFIXES = (".fits.gz", ".fits.fz", ".fits", ".fit")
ARCSEC = 3600.0  # of a degree
KINDS = ("IMAGETYP", "IMTYPE", "PRODTYPE", "EXTNAME")  # where a header says what an image shows
OTHERS = re.compile(r"ivar|invvar|mask|wtmap|psf|depth|nexp|chi2|model|resid", re.IGNORECASE)
# How what is compressed begins, a file, and a further part of it.
GZIP, FITS, HEADER = b"\x1f\x8b", b"SIMPLE", b"XTENSION"
RATIO, SMALL = 100, 2**24  # bytes for each packed one, and for a small file; masks are mostly 0
PIECE = 2**20
OpenFITS = OpenFiles[Path, fits.HDUList]


def open_fits(path: Path) -> fits.HDUList:
    """Open a FITS file to read, and see that it is whole.

    Args:
        path: Where it is; it may be compressed.

    Returns:
        Its parts; arrays are read when used.

    Raises:
        ValueError: If there is none, or it is not FITS, or was cut off.
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
        except Exception as error:  # astropy raises dozens of kinds for what it does not expect
            cut = isinstance(error, EOFError) or "END card" in str(error)
            what = "truncated" if cut else "truncated or not FITS"
            raise ValueError(f"{path}: {what}: {reason(error)}") from error
    return found


class FITSFile:
    """The parts of a FITS file, which a process opens when it first reads.

    Args:
        path: The file.
        files: What opens it, to be shared by many of them.
    """

    def __init__(self, path: str | Path, files: OpenFITS | None = None) -> None:
        self.path = Path(path)
        self.files = OpenFiles(open_fits) if files is None else files

    @property
    def parts(self) -> list[Any]:
        """All HDUs, in order."""
        return list(self.files[self.path])

    def part(self, name: str) -> Any:
        """A part by its name.

        Args:
            name: Of the HDU.

        Returns:
            The HDU, not yet read.

        Raises:
            ValueError: If there is none of this name.
        """
        for found in self.parts:
            if found.name.upper() == name:
                return found
        there = ", ".join(part.name for part in self.parts if part.name)
        raise ValueError(
            f"{self.path}: {name}: no such HDU; there are {there or 'none with a name'}"
        )

    def table(self, column: str) -> Any:
        """The first table that has a column.

        Args:
            column: Its name; upper and lower case are the same.

        Returns:
            The HDU, or None if there is no such table.
        """
        for found in self.parts:
            if self.has(found, column):
                return found
        return None

    def has(self, table: Any, column: str) -> bool:
        """Whether a table has a column.

        Args:
            table: The HDU, or its name.
            column: Its name; upper and lower case are the same.

        Returns:
            Whether it has; no if there is no such table.

        Raises:
            ValueError: If there is no HDU of this name.
        """
        found = self.part(table) if isinstance(table, str) else table
        return isinstance(found, fits.BinTableHDU) and column.lower() in _names(found)

    def column(self, table: Any, name: str) -> np.ndarray:
        """A column of a table, in the byte order of this machine.

        Args:
            table: The HDU, or its name.
            name: Of the column; upper and lower case are the same.

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

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Give what astropy says of a damaged part the file's and the part's name."""
        try:
            yield
        except Exception as error:  # as above
            raise ValueError(f"{self.path}: {what}: cannot be read: {reason(error)}") from error


def is_fits(path: Path) -> bool:
    """Whether the name of a file says that it is FITS."""
    return path.name.endswith(SUFFIXES)


def stem(path: Path) -> str:
    """The name of a file without what says its format."""
    found = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), path.suffix)
    return path.name.removesuffix(found)


def is_other(header: fits.Header) -> bool:
    """Whether a header says that this is the noise or the mask of an image, and not the image."""
    return any(OTHERS.search(str(header.get(key, ""))) for key in KINDS)


def sky(header: fits.Header) -> WCS | None:
    """The map from the pixels of an image to the sky, or None if the header has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        warnings.simplefilter("ignore", AstropyUserWarning)
        found = WCS(header)
    return found.celestial if found.has_celestial else None


def scale_of(header: fits.Header) -> float | None:
    """Arcsec of a pixel, or None if the header does not say."""
    found = sky(header)
    if found is None:
        return None
    return float(np.sqrt(np.prod(proj_plane_pixel_scales(found)))) * ARCSEC


def _unpacked(path: Path) -> IO[bytes]:
    """A file, or a copy on the disk of one that gzip packed, which can be read in any order."""
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
    """Read all headers, and what is behind the last array: astropy ends without a word there."""
    last: Any = parts.fileinfo(len(parts) - 1)
    final: Any = parts[-1]
    file.seek(last["datLoc"] + last["datSpan"])
    if file.read(len(HEADER)) == HEADER:
        raise EOFError(f"nothing can be read after {final.name or 'the first HDU'}")


def _names(table: fits.BinTableHDU) -> list[str]:
    columns: Any = table.columns
    return [str(name).lower() for name in columns.names]
