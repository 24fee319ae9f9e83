"""Columns of an npz file with many galaxies: arrays of shape (N, 7781) or (N, 3, height, width)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from astroclip.data.readers.measured import said_air
from sciformer.data.npy import map_array, map_arrays, names_of


class NpzColumns:
    """Arrays of a .npz file as columns, or the array of a .npy file as ``flux`` or ``image``.

    Args:
        path: The file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.arrays = _arrays(self.path)
        self.names: Sequence[str] = list(self.arrays)
        self.air = said_air(self.arrays)

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "arrays": {}, "names": self.names, "air": self.air}

    def _array(self, name: str) -> np.ndarray:
        if name not in self.arrays:  # another process
            self.arrays = _arrays(self.path)
        return self.arrays[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """Sizes of all axes, that of rows first."""
        return self._array(name).shape

    def whole(self, name: str) -> np.ndarray:
        """Values of all rows."""
        return np.array(self._array(name))

    def row(self, name: str, number: int) -> np.ndarray:
        """Values of one row."""
        return np.array(self._array(name)[number])

    def unit(self, name: str) -> str | None:  # as other columns
        """None: an npz file has no units."""
        return None


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if path.suffix == ".npz":
        return map_arrays(path, names_of(path))
    found = map_array(path)
    return {"image" if found.ndim == 4 else "flux": found}
