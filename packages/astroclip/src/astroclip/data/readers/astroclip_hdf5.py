"""Reader of the original AstroCLIP pairs: one HDF5 file, or parquet files."""

from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np

from astroclip.data.batch import Galaxy
from astroclip.data.readers.arrow_rows import ArrowRows
from astroclip.data.readers.column_names import checked_ids, text
from astroclip.data.readers.estimate_noise import estimated_ivar
from astroclip.data.source import Facts, Source
from astroclip.survey import PIXELS
from sciformer.data.hdf5 import HDF5, OpenHDF5
from sciformer.data.open_files import OpenFiles

KEYS = ["images", "spectra", "redshifts", "targetids"]
COLUMNS = ["image", "spectrum", "redshift", "targetid"]
FACTS = {
    "kind": "AstroCLIP's own pairs of an image and a spectrum",
    "image": "nanomaggies in g, r, z; stored as (width, height, band); 0.262 arcsec",
    "wavelength": f"3600 to 9824 Angstrom, {PIXELS} pixels",
    "noise": "none: estimated from neighboring pixels",
}


class OriginalHDF5(Source):
    """``astroclip_desi.1.1.5.h5``: groups ``0`` to ``9`` of images, spectra, redshifts, targetids.

    Images are stored as (width, height, band). The noise of the spectra is estimated.

    Args:
        path: The file.
        files: Opens files; may be shared between readers.

    Raises:
        ValueError: If the file cannot be read, or an array is missing or shorter than others.
    """

    def __init__(self, path: str | Path, files: OpenHDF5 | None = None) -> None:
        super().__init__(str(path), images=True, spectra=True, labels=["redshift"])
        self.file = HDF5(path, files)
        found = [key for key in self.file.keys("/") if key.isdigit() or self._holds(key)]
        self.groups = sorted(found, key=lambda key: (len(key), key))
        if not self.groups:
            raise ValueError(f"{path}: no group with {', '.join(KEYS)}")
        counts = [self.file.count([f"{group}/{key}" for key in KEYS]) for group in self.groups]
        self.starts = np.cumsum([0, *counts]).tolist()
        self.targets = [
            checked_ids(
                self.file.read(f"{group}/targetids").reshape(-1), f"{path}: {group}/targetids"
            )
            for group in self.groups
        ]

    def _holds(self, group: str) -> bool:
        return bool(set(self.file.keys(group)) & set(KEYS))

    def __len__(self) -> int:
        return self.starts[-1]

    def _of(self, number: int) -> tuple[int, int]:
        group = bisect_right(self.starts, number) - 1
        return group, number - self.starts[group]

    def id(self, number: int) -> str:
        group, row = self._of(number)
        return text(self.targets[group][row])

    def read(self, number: int) -> Galaxy:
        group, row = self._of(number)
        image, spectrum, redshift = (
            self.file.read(f"{self.groups[group]}/{key}", row) for key in KEYS[:3]
        )
        return _galaxy(self.id(number), self.place(number), image, spectrum, redshift)

    def facts(self) -> Facts:
        return FACTS


class OriginalRows(Source):
    """Parquet or Arrow file of the same pairs; one group of rows is in memory at a time.

    Random access reads a whole group for each galaxy: copy to shards first, and shuffle those.

    Args:
        path: The file, with the columns image, spectrum, redshift and targetid.
        files: Opens files; may be shared between readers.

    Raises:
        ValueError: If the file cannot be read or has no such column.
    """

    def __init__(self, path: str | Path, files: "OpenFiles[Path, Any] | None" = None) -> None:
        super().__init__(str(path), images=True, spectra=True, labels=["redshift"])
        self.rows = ArrowRows(path, files)
        for name in COLUMNS:
            if name not in self.rows.names:
                there = ", ".join(self.rows.names)
                raise ValueError(f"{path}: no column {name!r}; it has {there}")
        self.targets = self.rows.whole("targetid").tolist()

    def __len__(self) -> int:
        return len(self.rows)

    def id(self, number: int) -> str:
        return text(self.targets[number])

    def read(self, number: int) -> Galaxy:
        parts = [self.rows.row(name, number) for name in COLUMNS[:3]]
        return _galaxy(self.id(number), self.place(number), *parts)

    def facts(self) -> Facts:
        return FACTS


def _galaxy(
    id: str, place: str, image: np.ndarray, spectrum: np.ndarray, redshift: np.ndarray
) -> Galaxy:
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"{place}: image: shape {image.shape} is not (width, height, 3)")
    if spectrum.size != PIXELS:
        raise ValueError(f"{place}: spectrum: {spectrum.size} pixels; {PIXELS} are needed")
    flux = spectrum.reshape(-1).astype(np.float32)
    labels = {"redshift": float(redshift.reshape(-1)[0])}
    planes = np.ascontiguousarray(image.T, np.float32)
    return Galaxy(id, planes, flux, estimated_ivar(flux), labels)
