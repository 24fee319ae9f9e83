"""Reader of the original AstroCLIP pairs: one HDF5 file, or parquet files."""

from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from astroclip.data.batch import Galaxy
from astroclip.data.readers.estimate_noise import estimated_ivar
from astroclip.data.readers.multimodal_universe import ids, text
from astroclip.data.source import Source
from astroclip.survey import PIXELS
from sciformer.data.hdf5 import HDF5, OpenHDF5
from sciformer.data.open_files import OpenFiles
from sciformer.data.parquet import OpenParquet, open_parquet, reading, texts

KEYS = ["images", "spectra", "redshifts", "targetids"]
COLUMNS = ["image", "spectrum", "redshift", "targetid"]


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
        counts = [self.file.count([f"{group}/{key}" for key in KEYS]) for group in self.groups]
        self.starts = np.cumsum([0, *counts]).tolist()
        self.targets = [
            ids(self.file.read(f"{group}/targetids").reshape(-1), f"{path}: {group}/targetids")
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


class OriginalParquet(Source):
    """Parquet file of the same pairs; one row group is in memory at a time.

    Random access reads a whole row group for each galaxy: copy to shards first, and shuffle those.

    Args:
        path: The file, with the columns image, spectrum, redshift and targetid.
        files: Opens files; may be shared between readers.

    Raises:
        ValueError: If the file cannot be read or has no such column.
    """

    def __init__(self, path: str | Path, files: OpenParquet | None = None) -> None:
        super().__init__(str(path), images=True, spectra=True, labels=["redshift"])
        self.path = Path(path)
        self.files = OpenFiles(open_parquet) if files is None else files
        file = self.files[self.path]
        for name in COLUMNS:
            if name not in file.schema_arrow.names:
                there = ", ".join(file.schema_arrow.names)
                raise ValueError(f"{path}: no column {name!r}; it has {there}")
        rows = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        self.starts = np.cumsum([0, *rows]).tolist()
        with reading(self.path, "targetid: cannot be read"):
            self.targets = texts(file.read(["targetid"])["targetid"].combine_chunks())
        self._group: tuple[int, dict[str, Any]] = (-1, {})

    def __len__(self) -> int:
        return self.starts[-1]

    def id(self, number: int) -> str:
        return text(self.targets[number])

    def read(self, number: int) -> Galaxy:
        group = bisect_right(self.starts, number) - 1
        if self._group[0] != group:
            self._group = (-1, {})  # free the memory of the last one first
            with reading(self.path, f"row group {group}"):
                table = self.files[self.path].read_row_group(group, COLUMNS[:3])
            self._group = group, {n: table[n].combine_chunks() for n in table.column_names}
        columns, row = self._group[1], number - self.starts[group]
        parts = [_array(columns[name], row) for name in COLUMNS[:3]]
        return _galaxy(self.id(number), self.place(number), *parts)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_group": (-1, {})}


def _array(column: Any, row: int) -> np.ndarray:
    """One row of a column of numbers or nested lists."""
    stored = column.storage if isinstance(column, pa.ExtensionArray) else column
    values, shape = stored.slice(row, 1), []
    while pa.types.is_nested(values.type):
        before = len(values)
        values = values.flatten()
        shape.append(len(values) // before if before else 0)
    numbers = values.to_numpy(zero_copy_only=False)
    return numbers.reshape(shape) if np.prod(shape) == len(numbers) else numbers


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
