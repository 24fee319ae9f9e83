"""Named arrays of a file, read lazily: HDF5, NetCDF, .npy, .npz and zarr behind one interface."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.io import netcdf_file

from mpp.data.readers.zarr_store import is_zarr, open_zarr
from sciformer.data import npy
from sciformer.data.hdf5 import HDF5, Index, OpenHDF5, identity
from sciformer.data.open_files import OpenFiles, reading
from sciformer.text import reason

NETCDF3 = b"CDF"
HDF5_MARK = b"\x89HDF"
DEEPEST = 6  # groups within groups
MOST = 500  # arrays that are listed


class Opened(NamedTuple):
    """An open file.

    Args:
        arrays: Name -> array, or what can be indexed like one.
        attributes: Name of an array, or ``/`` for the file -> its attributes.
        dimensions: Name of an array -> names of its axes.
    """

    arrays: Mapping[str, Any]
    attributes: Mapping[str, Mapping[str, Any]]
    dimensions: Mapping[str, Sequence[str]]

    def close(self) -> None:
        """Arrays that are mapped into memory close themselves."""


class Arrays(ABC):
    """Arrays of a file by name.

    Args:
        path: The file, or the folder of a zarr store.
        kind: Format, for display.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind

    @property
    def identity(self) -> str:
        """Path, size and time of the last change."""
        return identity(self.path)

    @abstractmethod
    def names(self) -> list[str]:
        """Names of the arrays of numbers, in the order of the file."""

    @abstractmethod
    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an array; ``ValueError`` if there is none of this name."""

    @abstractmethod
    def dtype(self, name: str) -> np.dtype:
        """Data type of an array."""

    @abstractmethod
    def dimensions(self, name: str) -> tuple[str, ...]:
        """Names of the axes of an array; empty if the file does not name them all."""

    @abstractmethod
    def attribute(self, name: str, key: str) -> Any:
        """Attribute of an array, or of the file (``/``); None if there is none."""

    @abstractmethod
    def read(self, name: str, index: Index = ()) -> np.ndarray:
        """Read an array or a part of it, as it is stored."""

    def holds(self, name: str) -> bool:
        """Whether there is an array of this name."""
        return name in self.names()

    def missing(self, name: str) -> ValueError:
        """Error for an array that does not exist."""
        there = ", ".join(self.names()[:12]) or "nothing"
        return ValueError(f"{self.path}: {name}: no such array; there are {there}")


class ArraysOfHDF5(Arrays):
    """Arrays of an HDF5 or NetCDF 4 file, also within groups: ``group/name``."""

    def __init__(self, path: Path, files: OpenHDF5 | None = None) -> None:
        super().__init__(path, "HDF5")
        self.source = HDF5(path, files)

    def names(self) -> list[str]:
        found: list[str] = []
        self._walk("", 0, found)
        return found

    def _walk(self, group: str, depth: int, found: list[str]) -> None:
        for key in self.source.keys(group or "/"):
            name = f"{group}/{key}" if group else key
            if len(found) >= MOST or depth > DEEPEST:
                return
            if self.source.holds(name):
                if self.source.dtype(name).kind in "biuf":
                    found.append(name)
            else:
                self._walk(name, depth + 1, found)

    def holds(self, name: str) -> bool:
        return self.source.holds(name)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.source.shape(name)

    def dtype(self, name: str) -> np.dtype:
        return self.source.dtype(name)

    def dimensions(self, name: str) -> tuple[str, ...]:
        found = self.source.dimensions(name)
        return found if all(found) else ()

    def attribute(self, name: str, key: str) -> Any:
        return self.source.attribute(name, key)

    def read(self, name: str, index: Index = ()) -> np.ndarray:
        return self.source.read(name, index)


class OtherArrays(Arrays):
    """Arrays of a .npy, .npz, NetCDF 3 or zarr file, which each process opens on first use.

    Args:
        path: The file, or the folder of a zarr store.
        kind: Format, for display.
        opener: Opens it.
    """

    def __init__(self, path: Path, kind: str, opener: Callable[[Path], Opened]) -> None:
        super().__init__(path, kind)
        self.files: OpenFiles[Path, Opened] = OpenFiles(opener)

    def names(self) -> list[str]:
        arrays = self.files[self.path].arrays
        return [name for name, array in arrays.items() if array.dtype.kind in "biuf"]

    def _array(self, name: str) -> Any:
        arrays = self.files[self.path].arrays
        if name not in arrays:
            raise self.missing(name)
        return arrays[name]

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._array(name).shape)

    def dtype(self, name: str) -> np.dtype:
        return np.dtype(self._array(name).dtype)

    def dimensions(self, name: str) -> tuple[str, ...]:
        return tuple(self.files[self.path].dimensions.get(name, ()))

    def attribute(self, name: str, key: str) -> Any:
        return self.files[self.path].attributes.get(name, {}).get(key)

    def read(self, name: str, index: Index = ()) -> np.ndarray:
        found = self._array(name)
        with reading(f"{self.path}: {name}", "cannot be read"):
            return np.array(found[index])


def open_arrays(path: str | Path, files: OpenHDF5 | None = None) -> Arrays:
    """Open a file of arrays; its format is detected by its first bytes.

    Args:
        path: The file, or the folder of a zarr store.
        files: Opens HDF5 files; may be shared between readers.

    Returns:
        Its arrays.

    Raises:
        ValueError: If it cannot be read, or its format is another one.
    """
    path = Path(path)
    if is_zarr(path):
        return OtherArrays(path, "zarr", _open_zarr)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    with path.open("rb") as file:
        mark = file.read(6)
    if mark == npy.MAGIC:
        return OtherArrays(path, "npy", _open_npy)
    if mark.startswith(b"PK"):
        return OtherArrays(path, "npz", _open_npz)
    if mark.startswith(NETCDF3):
        return OtherArrays(path, "NetCDF 3", _open_netcdf3)
    return ArraysOfHDF5(path, files)


def _open_npy(path: Path) -> Opened:
    return Opened({path.stem: npy.map_array(path)}, {}, {})


def _open_npz(path: Path) -> Opened:
    return Opened(npy.map_arrays(path, npy.names_of(path)), {}, {})


def _open_netcdf3(path: Path) -> Opened:
    try:
        file = netcdf_file(path, "r", mmap=True, maskandscale=False)
        names = dict(file.variables)
        arrays = {name: file.variables[name].data for name in names}
        attributes = {name: dict(file.variables[name]._attributes) for name in names}
        attributes["/"] = dict(file._attributes)
        dimensions = {name: file.variables[name].dimensions for name in names}
        file._mm_buf = None  # the arrays keep the map; SciPy would warn that it cannot close it
    except Exception as error:  # of a damaged header: any kind
        raise ValueError(f"{path}: no NetCDF 3 file: {reason(error)}") from error
    return Opened(arrays, attributes, dimensions)


def _open_zarr(path: Path) -> Opened:
    return Opened(*open_zarr(path))
