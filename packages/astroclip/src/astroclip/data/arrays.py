"""Arrays of numpy's own files; nothing in them is executed."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

SUFFIXES = (".npy", ".npz")


def read_arrays(path: Path) -> Mapping[str, np.ndarray]:
    """Read a .npy or .npz file.

    Args:
        path: The file.

    Returns:
        Name -> array; that of a .npy file has no name.

    Raises:
        ValueError: If there is none, or it cannot be read, or it holds objects of Python.
    """
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"": found}
        with found:
            return {name: found[name] for name in found.files}
    except FileNotFoundError as error:
        raise ValueError(f"{path}: no such file") from error
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: truncated or no array: {' '.join(str(error).split())}"
        ) from error


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
