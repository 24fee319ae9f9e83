"""Safe reading of zarr stores: codecs are checked, sizes are compared with the stored bytes."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sciformer.files import UNFOLDS
from sciformer.text import reason

MARKS = ("zarr.json", ".zgroup", ".zarray")
FILL = 2**20  # bytes of an array that may never have been written
CODECS = {  # others could run code: pickle
    *("bytes", "transpose", "sharding_indexed", "crc32c", "gzip", "zstd", "blosc"),
    *("zlib", "lz4", "bz2", "lzma", "shuffle", "delta", "fixedscaleoffset", "astype"),
    *("fletcher32", "bitround", "quantize", "packbits"),
}
Found = tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]], Mapping[str, tuple[str, ...]]]


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr store."""
    return any((path / mark).is_file() for mark in MARKS)


def open_zarr(path: Path) -> Found:
    """Open a zarr store (version 2 or 3) for reading.

    Args:
        path: Folder of the store.

    Returns:
        Arrays, attributes (``/`` for those of the store) and names of the axes, by name.

    Raises:
        ValueError: If it cannot be read, links to other files, or needs a codec that may run code.
    """
    try:
        import zarr  # an extra of this package
    except ImportError as error:
        raise ValueError(
            f"{path}: zarr is not installed: pip install 'sciformer-mpp[zarr]'"
        ) from error
    _check_inside(path)
    try:
        store: Any = zarr.open(str(path), mode="r")
        single = isinstance(store, zarr.Array)
        members = {path.stem: store} if single else dict(store.members(max_depth=None))
        arrays = {name: one for name, one in members.items() if isinstance(one, zarr.Array)}
        attributes = {name: one.attrs.asdict() for name, one in arrays.items()}
        attributes["/"] = {} if single else store.attrs.asdict()
    except Exception as error:  # of damaged metadata: any kind
        raise ValueError(f"{path}: cannot be read: {reason(error)}") from error
    for name, array in arrays.items():
        _check(path, name, array)
    dimensions = {name: _dimensions(array, attributes[name]) for name, array in arrays.items()}
    return arrays, attributes, dimensions


def _check_inside(path: Path) -> None:
    """Check that no part of a store is a link to another file."""
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            if (Path(folder) / name).is_symlink():
                raise ValueError(
                    f"{Path(folder) / name}: a link; only what is in the store is read"
                )


def _check(path: Path, name: str, array: Any) -> None:
    """Check codecs and sizes of an array before anything is decoded."""
    for codec in _codecs(array.metadata.to_dict()):
        if codec.removeprefix("numcodecs.") not in CODECS:
            raise ValueError(f"{path}: {name}: codec {codec!r} is none of those that are read")
    if array.dtype.kind not in "biuf":
        return  # which is not read
    stored = sum(file.stat().st_size for file in (path / array.path).rglob("*") if file.is_file())
    chunk = math.prod(array.chunks) * array.dtype.itemsize
    room = max(array.nbytes, chunk)
    if room > stored * UNFOLDS + FILL:
        raise ValueError(
            f"{path}: {name}: its shape {array.shape} is not true: {room} bytes, of which {stored} "
            "are in the store"
        )


def _codecs(metadata: Any) -> list[str]:
    """Names of all codecs in an array's metadata, also those within others."""
    if isinstance(metadata, Mapping):
        inner = [
            name for key, one in metadata.items() if key != "attributes" for name in _codecs(one)
        ]
        own = [str(metadata["id"])] if "id" in metadata else []
        return own + inner + _named(metadata)
    if isinstance(metadata, list | tuple):
        return [name for one in metadata for name in _codecs(one)]
    return []


def _named(metadata: Mapping[str, Any]) -> list[str]:
    lists = [metadata.get("codecs"), metadata.get("index_codecs")]
    return [str(one["name"]) for found in lists if found for one in found if "name" in one]


def _dimensions(array: Any, attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the axes: of version 3, or as xarray stores them in version 2."""
    names = getattr(array.metadata, "dimension_names", None) or attributes.get("_ARRAY_DIMENSIONS")
    named = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    return tuple(names) if names and named and len(names) == array.ndim else ()
