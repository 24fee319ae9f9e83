"""HDF5 files that every process opens for itself, once, and errors in one line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np


class OpenOnce:
    """An HDF5 file to read; opened when first needed, and anew in a process that forked off.

    Args:
        path: Where it is.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: h5py.File | None = None
        self._owner = 0

    @property
    def file(self) -> h5py.File:
        """The open file.

        Raises:
            ValueError: If there is none, or it is not HDF5, or was cut off.
        """
        if self._file is None or self._owner != os.getpid():
            if self._file is not None:
                self._file.close()  # or HDF5 would go on with the handle of the parent
            self._file, self._owner = _open(self.path), os.getpid()
        return self._file

    def dataset(self, key: str) -> h5py.Dataset:
        """A dataset by its key.

        Args:
            key: Path inside of the file.

        Returns:
            Not yet read.

        Raises:
            ValueError: If there is none, or it holds no floating-point numbers.
        """
        found = self.file.get(key)
        if not isinstance(found, h5py.Dataset):
            there = ", ".join(list(self.file)[:8])
            raise ValueError(f"{self.path}: {key}: no such field; the file has {there}")
        if found.dtype.kind != "f":
            raise ValueError(f"{self.path}: {key}: dtype {found.dtype} is no floating-point number")
        return found

    @contextmanager
    def reading(self, key: str) -> Iterator[None]:
        """Give what HDF5 says of a damaged piece the file's and the field's name."""
        try:
            yield
        except OSError as error:
            raise ValueError(f"{self.path}: {key}: cannot be read: {_first(error)}") from error

    def attribute(self, key: str, name: str) -> Any:
        """An attribute of what has a key, of the file itself for an empty one; or None."""
        found = self.file.get(key) if key else self.file
        return found.attrs.get(name) if isinstance(found, h5py.Group | h5py.Dataset) else None

    def groups(self) -> list[str]:
        """Keys of the groups at the top, in order."""
        file = self.file
        return sorted(str(key) for key in file if isinstance(file.get(key), h5py.Group))

    def numbers(self, key: str) -> np.ndarray | None:
        """A small array, in fp64, if it is there."""
        found = self.file.get(key)
        if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiu":
            return None
        with self.reading(key):
            return np.asarray(found[()], np.float64)

    def close(self) -> None:
        """Close the file; reading opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "OpenOnce":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def identity(self) -> str:
        """Path, size and time of the last change."""
        state = self.path.stat()
        return f"{self.path.resolve()} {state.st_size} {state.st_mtime_ns}"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}


def step(coordinates: np.ndarray | None, default: float) -> float:
    """The distance of evenly spaced coordinates, or a default where there are none.

    Args:
        coordinates: Ascending; the last axis counts.
        default: Where the file does not say.

    Returns:
        The first step.
    """
    if coordinates is None or coordinates.ndim == 0 or coordinates.shape[-1] < 2:
        return default
    row = coordinates.reshape(-1, coordinates.shape[-1])[0]
    return float(row[1] - row[0])


def _open(path: Path) -> h5py.File:
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        # Without locks: shared file systems often have none, and nobody writes.
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        reason = _first(error)
        if "truncated" in reason:
            raise ValueError(f"{path}: truncated: {reason}") from error
        raise ValueError(f"{path}: not HDF5: {reason}") from error


def _first(error: OSError) -> str:
    return " ".join(str(error).split())
