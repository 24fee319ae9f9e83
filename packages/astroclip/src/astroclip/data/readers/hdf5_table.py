"""Columns of an HDF5 file with many galaxies: arrays with one row each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sciformer.data.hdf5 import HDF5, OpenHDF5


class HDF5Columns:
    """Top-level arrays of an HDF5 file as columns, read row by row.

    Args:
        path: The file.
        files: Opens HDF5 files; may be shared between readers.
    """

    air: bool | None = None

    def __init__(self, path: str | Path, files: OpenHDF5 | None = None) -> None:
        self.path = Path(path)
        self.file = HDF5(path, files)
        self.names: Sequence[str] = self.file.arrays()

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of all axes, that of rows first."""
        return self.file.shape(name)

    def whole(self, name: str) -> np.ndarray:
        """Values of all rows."""
        return self.file.read(name)

    def row(self, name: str, number: int) -> np.ndarray:
        """Values of one row."""
        return self.file.read(name, number)

    def unit(self, name: str) -> str | None:
        """Unit that the file says, or None."""
        for key in ("unit", "units"):
            said = self.file.attribute(name, key)
            if isinstance(said, str | bytes):
                return said.decode() if isinstance(said, bytes) else said
        return None
