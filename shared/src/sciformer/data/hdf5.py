"""Safe reading of HDF5 files: sizes are checked first, and errors are one line."""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5z  # pyright: ignore[reportAttributeAccessIssue]  # compiled

from sciformer.data.hdf5_probe import Probe
from sciformer.data.open_files import LazyFile, OpenFiles
from sciformer.files import UNFOLDS
from sciformer.text import reason

FILL = 2**20  # bytes of an array that may never have been written and are zeros
UNFOLDED = {  # bytes that a filter can make of one byte, at most
    h5z.FILTER_SHUFFLE: 1,
    h5z.FILTER_FLETCHER32: 1,
    h5z.FILTER_LZF: 88,  # 3 bytes say 264
}  # UNFOLDS for the others, which exceed it with arrays of one number only
SHOWN = 12  # keys in an error
Index = int | slice | tuple[int | slice, ...]


class Array(NamedTuple):
    """An array whose size has been checked."""

    shape: tuple[int, ...]
    dtype: np.dtype


class File(h5py.File):
    """An open file with the results of checks so far."""

    arrays: dict[str, Array]
    top: dict[str, type]  # key of what is at the top -> its class; empty until asked for


OpenHDF5 = OpenFiles[Path, File]


def open_hdf5(path: Path) -> File:
    """Open an HDF5 file for reading, after checking it once in a child process.

    Args:
        path: Path of the file.

    Returns:
        The open file.

    Raises:
        ValueError: If it does not exist, is not HDF5, is truncated or links to other files.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    wrong = _look(path, identity(path))
    if wrong:
        raise ValueError(f"{path}: {wrong}")
    try:
        # Without locks: shared file systems often have none, and nobody writes.
        file = File(path, "r", locking=False)
    except Exception as error:  # h5py passes on what libhdf5 says as any of a dozen kinds
        raise ValueError(f"{path}: not HDF5: {reason(error)}") from error
    file.arrays, file.top = {}, {}
    return file


_PROBE = Probe()  # one child for all files of a process


@cache  # a process that forks off knows what its parent does
def _look(path: Path, identity: str) -> str:
    return _PROBE.ask(path)


class HDF5(LazyFile[File]):
    """Arrays of an HDF5 file, which each process opens on first use.

    Args:
        path: The file.
        files: Open HDF5 files to share with other readers.
    """

    def __init__(self, path: str | Path, files: OpenHDF5 | None = None) -> None:
        super().__init__(path, open_hdf5, files)

    def keys(self, group: str = "/") -> list[str]:
        """Keys of a group, in the order of the file; empty for an array or a missing key."""
        file = self.file
        with self.reading(group):
            found = file.get(group)
            return [str(key) for key in found] if isinstance(found, h5py.Group) else []

    def groups(self) -> list[str]:
        """Keys of the top-level groups, in order."""
        return [key for key, kind in self._top().items() if kind is h5py.Group]

    def arrays(self) -> list[str]:
        """Keys of the top-level arrays, in order."""
        return [key for key, kind in self._top().items() if kind is h5py.Dataset]

    def holds(self, key: str) -> bool:
        """Whether an array with this key exists."""
        return self._kind(key) is h5py.Dataset

    def shape(self, key: str) -> tuple[int, ...]:
        """Shape of an array.

        Args:
            key: Path within the file.

        Returns:
            Size of each axis.

        Raises:
            ValueError: If the array does not exist, or its size exceeds the stored data.
        """
        return self._array(key).shape

    def dtype(self, key: str) -> np.dtype:
        """Data type of an array; raises like :meth:`shape`."""
        return self._array(key).dtype

    def dimensions(self, key: str) -> tuple[str, ...]:
        """Names of the axes of an array, by its dimension scales or labels; empty where unnamed."""
        self._array(key)
        file: Any = self.file
        with self.reading(key):
            return tuple(
                next((scale.name.rpartition("/")[2] for scale in axis.values()), axis.label)
                for axis in file[key].dims
            )

    def read(self, key: str, index: Index = (), dtype: Any = None) -> np.ndarray:
        """Read an array or a part of it.

        Args:
            key: Path within the file.
            index: Index of the part; the whole array if empty.
            dtype: Data type to convert to; None does not convert.

        Returns:
            The array.

        Raises:
            ValueError: If the array does not exist or cannot be read.
        """
        self._array(key)
        file: Any = self.file
        with self.reading(key), np.errstate(over="ignore"):
            found = file[key]
            return np.asarray((found if dtype is None else found.astype(dtype))[index])

    def count(self, keys: Sequence[str]) -> int:
        """Check that arrays have the same length.

        Args:
            keys: Keys of the arrays.

        Returns:
            Their length.

        Raises:
            ValueError: Naming an array that does not exist, or is shorter than another.
        """
        counts = {key: (self.shape(key) or (0,))[0] for key in keys}
        most = max(counts, key=lambda key: counts[key])
        for key, count in counts.items():
            if count != counts[most]:
                raise ValueError(
                    f"{self.path}: {key}: truncated: {count} entries, but {most} has {counts[most]}"
                )
        return counts[most]

    def whole_number(self, key: str, name: str) -> int | None:
        """Integer attribute or None; raises like :meth:`attribute`, and if it is not an integer."""
        value = self.attribute(key, name)
        if not isinstance(value, int | np.integer | None):
            raise ValueError(f"{self.path}: {key}: {name}: {value!r} is no whole number")
        return None if value is None else int(value)

    def attribute(self, key: str, name: str) -> Any:
        """Value of an attribute.

        Args:
            key: Key of a group or an array; ``/`` is the file itself.
            name: Name of the attribute.

        Returns:
            Its value, or None if it does not exist.

        Raises:
            ValueError: If it cannot be read, or is a reference (never followed).
        """
        file = self.file
        with self.reading(f"{key}: {name}"):
            found: Any = file.get(key)
            if found is None or name not in found.attrs:
                return None
            stored = found.attrs.get_id(name)
            room = math.prod(stored.shape or ()) * stored.get_type().get_size()
            if room > self.path.stat().st_size:
                raise OverflowError(f"its shape {stored.shape} is not true")
            value = found.attrs[name]
        if np.asarray(value).dtype.kind == "O" and not _is_text(value):
            raise ValueError(f"{self.path}: {key}: {name}: neither numbers nor text")
        return value

    def _top(self) -> dict[str, type]:
        file = self.file
        if not file.top:
            file.top = {key: self._kind(key) for key in self.keys()}
        return file.top

    def _kind(self, key: str) -> Any:
        """The class of a group or an array, which is not opened; None if there is nothing."""
        file = self.file
        with self.reading(key):
            return file.get(key, getclass=True)

    def _array(self, key: str) -> Array:
        file = self.file
        if key not in file.arrays:
            if not self.holds(key):
                there = ", ".join(self.keys(key.rpartition("/")[0] or "/")[:SHOWN]) or "nothing"
                raise ValueError(f"{self.path}: {key}: no such key; there are {there}")
            with self.reading(key):
                found: Any = file[key]
                wrong = _unfit(found, self.path.stat().st_size)
                if wrong:
                    raise ValueError(wrong)
                file.arrays[key] = Array(found.shape, found.dtype)
        return file.arrays[key]

    @property
    def identity(self) -> str:
        """Path, size and time of the last change."""
        return identity(self.path)


def identity(path: Path) -> str:
    """Identity of a file: path, size and modification time."""
    state = path.stat()
    return f"{path.resolve()} {state.st_size} {state.st_mtime_ns}"


def _unfit(dataset: h5py.Dataset, length: int) -> str:
    """Check type and size of an array before memory is allocated for it.

    Args:
        dataset: Not yet read.
        length: Bytes of the file.

    Returns:
        The complaint; empty if these are numbers or texts, and the bytes that are there can be so
        large an array. Chunks that were never written are refused, but for 1 MiB.
    """
    shape, chunks = dataset.shape, dataset.chunks
    if shape is None:
        return "holds nothing"
    if dataset.dtype.kind not in "biufS" and h5py.check_string_dtype(dataset.dtype) is None:
        return f"neither numbers nor text, but {dataset.dtype}"
    blocks = shape if chunks is None else chunks
    items = math.prod(-(-n // max(c, 1)) * c for n, c in zip(shape, blocks, strict=True))
    room = items * dataset.id.get_type().get_size()
    stored = dataset.id.get_storage_size()
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(number)[0] for number in range(settings.get_nfilters())]
    most = stored * max((UNFOLDED.get(one, UNFOLDS) for one in filters), default=1)
    if stored > length or room > most + FILL or shape[:1] > (length,):
        return (
            f"truncated, or its shape {shape} is not true: {room} bytes, of which {stored} are in "
            f"this file of {length}"
        )
    return ""


def texts(value: Any) -> list[Any]:
    """Entries of an attribute as a list, bytes decoded; empty for None."""
    found = [] if value is None else np.atleast_1d(np.asarray(value)).reshape(-1).tolist()
    return [one.decode(errors="replace") if isinstance(one, bytes) else one for one in found]


def _is_text(value: Any) -> bool:
    return all(isinstance(one, str | bytes) for one in np.asarray(value, object).reshape(-1))
