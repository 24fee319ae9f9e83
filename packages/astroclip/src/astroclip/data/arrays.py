"""Arrays of numpy's own files; nothing in them is executed."""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

SUFFIXES = (".npy", ".npz")
# What reading a damaged zip, or one of a later version, may raise.
UNREADABLE = (
    OSError, EOFError, ValueError, KeyError, NotImplementedError, BadZipFile, zlib.error,
)  # fmt: skip


def read_arrays(path: Path) -> Mapping[str, np.ndarray]:
    """Read a .npy or .npz file.

    Args:
        path: The file.

    Returns:
        Name -> array; that of a .npy file has no name.

    Raises:
        ValueError: If there is none, or it cannot be read, or it holds objects of Python.
    """
    with _reading(path):
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"": found}
        with found:
            return {name: found[name] for name in found.files}


def names_of(path: Path) -> list[str]:
    """The names of the arrays of a .npz file, which are not read."""
    with _reading(path), np.load(path, allow_pickle=False) as found:
        return list(found.files)


def axes_of(path: Path) -> int:
    """How many axes the array of a .npy file has, which is not read."""
    with _reading(path):
        return np.load(path, mmap_mode="r", allow_pickle=False).ndim


def numbers(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    """See that an array holds numbers.

    Args:
        path: Where it is from.
        name: Of it.
        array: What was read.

    Returns:
        The same.

    Raises:
        ValueError: If it does not.
    """
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{path}: {name or 'array'}: dtype {array.dtype} is no number")
    return array


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ValueError(f"{path}: no such file") from error
    except UNREADABLE as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: truncated or no array: {reason}") from error
