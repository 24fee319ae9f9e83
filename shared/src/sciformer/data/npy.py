"""Safe reading of .npy and .npz files: no code is run, and sizes are checked first."""

import math
import re
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from io import BufferedIOBase
from pathlib import Path
from typing import IO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from sciformer.data.open_files import reading
from sciformer.files import UNFOLDS

KINDS = "biufcSU"  # numbers and text of fixed size
MAGIC = b"\x93NUMPY"
LENGTHS = {1: struct.Struct("<H"), 2: struct.Struct("<I"), 3: struct.Struct("<I")}  # by version
LONGEST = 2048  # bytes of a header: 64 axes, all of them long
# What NumPy writes, others with other spaces: {'descr': '<f4', 'fortran_order': False, 'shape': (3,
# 4), }. NumPy evaluates it as Python.
ITEM = r"""\s*['"]{}['"]\s*:\s*{}\s*[,}}]"""
PLAIN = r"[<>|=]?[a-zA-Z?]\d{0,9}"
DTYPE = re.compile(ITEM.format("descr", f"['\"]({PLAIN})['\"]"))
FORTRAN = re.compile(ITEM.format("fortran_order", "(True|False)"))
SHAPE = re.compile(ITEM.format("shape", r"\(((?:\s*\d{1,18}\s*,)*\s*(?:\d{1,18})?\s*)\)"))
NAMES = struct.Struct("<26x HH")  # the header of a member: lengths of its name and of what follows
FIRST, LAST = 0xD800, 0xDFFF  # surrogates, which only stand in pairs, and not in UTF-32
ENDING = ".npy"  # of what an array is called in a zip
Binary = IO[bytes] | BufferedIOBase  # a zip gives the latter


class Header(NamedTuple):
    """Header of an array.

    Args:
        dtype: Data type.
        shape: Size of each axis.
        fortran: Whether the order is Fortran's (first axis fastest).
        start: Offset of the data in bytes.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool
    start: int

    @property
    def size(self) -> int:
        """Size of the data in bytes; empty strings count as one byte each."""
        return math.prod(self.shape) * max(self.dtype.itemsize, 1)

    def array(self, numbers: bytearray | memoryview) -> np.ndarray:
        """Array from the bytes of its data."""
        order = "F" if self.fortran else "C"
        return _readable(np.frombuffer(numbers, self.dtype)).reshape(self.shape, order=order)


@lru_cache(maxsize=256)  # the samples of a data set mostly have the same header
def parse(head: bytes) -> Header:
    """Read the header of an array.

    Args:
        head: Bytes before the data.

    Returns:
        The header.

    Raises:
        ValueError: If it is not an array, or not one of numbers or strings.
    """
    text = head.decode("latin1")
    dtype, fortran, shape = (pattern.search(text) for pattern in (DTYPE, FORTRAN, SHAPE))
    if dtype is None or fortran is None or shape is None:
        raise ValueError("its header is not that of an array of numbers or texts")
    kind = dtype_of(dtype[1])
    sizes = tuple(int(size) for size in shape[1].split(",") if size.strip())
    return Header(kind, sizes, fortran[1] == "True", len(head))


def dtype_of(name: str) -> np.dtype:
    """Find a data type by the name that a file gives it.

    Args:
        name: As NumPy writes it, like ``<f4``.

    Returns:
        The data type.

    Raises:
        ValueError: If there is none, or if it is not one of numbers or texts of fixed size.
    """
    try:
        kind = np.dtype(name) if re.fullmatch(PLAIN, name) else None
    except (TypeError, OverflowError):
        kind = None
    if kind is None:
        raise ValueError(f"{name!r} is no dtype")
    if kind.kind not in KINDS:
        raise ValueError(f"dtype {kind} would have to be unpickled, which is never done")
    return kind


def head_of(file: Binary) -> bytes:
    """Read the bytes before an array's data, from the current position of a file."""
    mark = file.read(len(MAGIC) + 2)
    if mark[: len(MAGIC)] != MAGIC or mark[len(MAGIC)] not in LENGTHS:
        raise ValueError(f"{mark!r} is not the mark of an npy file")
    form = LENGTHS[mark[len(MAGIC)]]
    length = file.read(form.size)
    if len(length) < form.size:
        raise ValueError("cut short in its header")
    (count,) = form.unpack(length)
    if count > LONGEST:
        raise ValueError(f"a header of {count} bytes, which no array has")
    return mark + length + file.read(count)


def read_arrays(path: Path) -> Mapping[str, np.ndarray]:
    """Read a .npy or .npz file.

    Args:
        path: The file.

    Returns:
        Name -> array; the name is empty for a .npy file.

    Raises:
        ValueError: If the file does not exist, cannot be read, or holds Python objects.
    """
    with _reading(path), path.open("rb") as file:
        if file.read(len(MAGIC)) == MAGIC:
            file.seek(0)
            return {"": _array(file, path.stat().st_size)}
        with ZipFile(file) as archive:
            members = _members(path, archive)
            return {name: _unpacked(archive, info) for name, info in members.items()}


def names_of(path: Path) -> list[str]:
    """Names of the arrays of a .npz file, without reading them; raises like ``read_arrays``."""
    with _reading(path), ZipFile(path) as archive:
        return list(_members(path, archive))


def map_array(path: Path) -> np.ndarray:
    """Memory-map the array of a .npy file, read-only; raises like ``read_arrays``."""
    with _reading(path), path.open("rb") as file:
        header = _header(file, path.stat().st_size)
        order = "F" if header.fortran else "C"
        return _readable(np.memmap(path, header.dtype, "r", header.start, header.shape, order))


def map_arrays(path: Path, names: Sequence[str], checked: bool = False) -> dict[str, np.ndarray]:
    """Memory-map arrays of a .npz file, read-only; compressed ones are read instead.

    Args:
        path: Path of the file.
        names: Names of the arrays.
        checked: Whether their texts were checked before; otherwise all of them are read.

    Returns:
        Name -> array.

    Raises:
        ValueError: If the file is damaged, or holds Python objects.
    """
    with _reading(path), ZipFile(path) as archive:
        members = _members(path, archive)
        found = {name: _mapped(path, archive, members[name]) for name in names}
        return found if checked else {name: _readable(found[name]) for name in names}


def numbers(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    """Check that an array is numeric.

    Args:
        path: Path of its file, for errors.
        name: Name of the array, for errors.
        array: Array to check.

    Returns:
        The same array.

    Raises:
        ValueError: If it is not numeric.
    """
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{path}: {name or 'array'}: dtype {array.dtype} is no number")
    return array


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    with reading(path, "truncated or no array"):
        yield


def _members(path: Path, archive: ZipFile) -> dict[str, ZipInfo]:
    """Arrays of a zip archive, after a check of their sizes."""
    found = [info for info in archive.infolist() if info.filename.endswith(ENDING)]
    if sum(info.compress_size for info in found) > path.stat().st_size:
        raise ValueError("its members are larger than the file")
    for info in found:
        stored = info.compress_type == ZIP_STORED
        if not stored and info.compress_type != ZIP_DEFLATED:
            raise ValueError(f"{info.filename}: compressed as NumPy does not")
        if info.file_size > info.compress_size * (1 if stored else UNFOLDS):
            raise ValueError(f"{info.filename}: {info.compress_size} bytes for {info.file_size}")
    return {info.filename.removesuffix(ENDING): info for info in found}


def _header(file: Binary, length: int) -> Header:
    """Header of an array, whose data may have at most ``length`` bytes."""
    header = parse(head_of(file))
    if header.start + header.size > length:
        raise ValueError(f"shape {header.shape} of {header.dtype} in {length} bytes")
    return header


def _array(file: Binary, length: int) -> np.ndarray:
    header = _header(file, length)
    return header.array(bytearray(file.read(header.size)))


def _unpacked(archive: ZipFile, info: ZipInfo) -> np.ndarray:
    with archive.open(info) as file:
        return _array(file, info.file_size)


def _mapped(path: Path, archive: ZipFile, info: ZipInfo) -> np.ndarray:
    if info.compress_type != ZIP_STORED:
        return _unpacked(archive, info)
    with path.open("rb") as file:
        file.seek(info.header_offset)
        first = sum(NAMES.unpack(file.read(NAMES.size))) + file.tell()
        file.seek(first)
        header = _header(file, info.file_size)
    if header.fortran or not header.shape or not header.size:
        return _unpacked(archive, info)
    return np.memmap(path, header.dtype, "r", first + header.start, header.shape)


def _readable(array: np.ndarray) -> np.ndarray:
    """Raise ``ValueError`` if an array holds texts that are no Unicode."""
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        points = array.ravel("K").view(np.dtype("u4").newbyteorder(array.dtype.byteorder))
        wrong = points[(points > sys.maxunicode) | ((points >= FIRST) & (points <= LAST))]
        if wrong.size:
            raise ValueError(f"a text with the character {int(wrong[0]):#x}, which Unicode lacks")
    return array
