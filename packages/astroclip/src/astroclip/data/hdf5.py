"""HDF5 files, and errors in one line."""

from pathlib import Path

import h5py
import numpy as np

from astroclip.data.handles import OpenFiles


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file to read.

    Args:
        path: Where it is.

    Returns:
        The file.

    Raises:
        ValueError: If there is none, or it is not HDF5, or was cut off.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        # Without locks: shared file systems often have none, and nobody writes.
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        what = "truncated" if "truncated" in str(error) else "not HDF5"
        raise ValueError(f"{path}: {what}: {_line(error)}") from error


class HDF5:
    """The arrays of an HDF5 file, which a process opens when it first reads.

    Args:
        path: The file.
        files: What opens it, to be shared by many of them.
    """

    def __init__(self, path: str | Path, files: OpenFiles[h5py.File] | None = None) -> None:
        self.path = Path(path)
        self.files = OpenFiles(open_hdf5) if files is None else files

    def keys(self, group: str = "/") -> set[str]:
        """Of what is in a group, or at the top; nothing is in an array."""
        found = self.files[self.path].get(group)
        return set(found) if isinstance(found, h5py.Group) else set()

    def shape(self, key: str) -> tuple[int, ...]:
        """Shape of an array.

        Args:
            key: Path inside of the file.

        Returns:
            Sizes along its axes.

        Raises:
            ValueError: If there is no such array.
        """
        return self._dataset(key).shape

    def read(self, key: str, number: int | None = None) -> np.ndarray:
        """Read an array.

        Args:
            key: Path inside of the file.
            number: Which of its entries; None reads all.

        Returns:
            What is there.

        Raises:
            ValueError: If there is no such array, or it cannot be read.
        """
        found = self._dataset(key)
        try:
            return np.asarray(found[() if number is None else number])
        except OSError as error:
            raise ValueError(f"{self.path}: {key}: cannot be read: {_line(error)}") from error

    def count(self, keys: list[str]) -> int:
        """See that arrays have an entry for each galaxy.

        Args:
            keys: Of the arrays.

        Returns:
            How many galaxies there are.

        Raises:
            ValueError: Naming an array that is not there, or has fewer entries than another.
        """
        counts = {key: (self.shape(key) or (0,))[0] for key in keys}
        most = max(counts, key=lambda key: counts[key])
        for key, count in counts.items():
            if count != counts[most]:
                raise ValueError(
                    f"{self.path}: {key}: truncated: {count} entries, but {most} has {counts[most]}"
                )
        return counts[most]

    def _dataset(self, key: str) -> h5py.Dataset:
        file = self.files[self.path]
        found = file.get(key)
        if not isinstance(found, h5py.Dataset):
            within = key.rpartition("/")[0]
            group = file.get(within) if within else file
            there = ", ".join(list(group)[:12]) if isinstance(group, h5py.Group) else "nothing"
            raise ValueError(f"{self.path}: {key}: no such key; there are {there}")
        return found


def _line(error: OSError) -> str:
    return " ".join(str(error).split())
