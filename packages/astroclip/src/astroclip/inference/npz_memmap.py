"""Write arrays that exceed memory to a .npz file, in pieces."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy


class Member:
    """An array that grows by rows, which are kept in a temporary file.

    Args:
        file: Empty file, open for writing and reading.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.count, self.rest, self.dtype = 0, (), np.dtype(np.float32)
        self.parts: list[tuple[int, np.dtype]] = []  # numbers or texts, and how they are kept

    def append(self, rows: np.ndarray) -> None:
        """Append rows of the same shape; strings may have any length."""
        self.dtype = max(self.dtype, rows.dtype, key=_width) if self.count else rows.dtype
        self.parts.append((rows.size, rows.dtype))
        self.count, self.rest = self.count + len(rows), rows.shape[1:]
        self.file.write(np.ascontiguousarray(rows).data)

    def blocks(self) -> Iterator[bytes]:
        """The whole array as a .npy file, in pieces."""
        header = {"descr": npy.dtype_to_descr(self.dtype), "fortran_order": False}
        stream = BytesIO()
        npy.write_array_header_1_0(stream, {**header, "shape": (self.count, *self.rest)})
        yield stream.getvalue()
        self.file.seek(0)
        for count, dtype in self.parts:
            rows = np.frombuffer(self.file.read(count * dtype.itemsize), dtype)
            yield rows.astype(self.dtype, copy=False).tobytes()


def write_members(
    path: Path, members: Mapping[str, Member], small: Mapping[str, np.ndarray]
) -> None:
    """Write an uncompressed .npz file, which can be memory-mapped.

    Args:
        path: Output file.
        members: Large arrays by name.
        small: Further arrays, in memory.
    """
    with ZipFile(path, "w", ZIP_STORED) as archive:
        for name, member in members.items():
            with archive.open(ZipInfo(f"{name}.npy"), "w", force_zip64=True) as out:
                for block in member.blocks():
                    out.write(block)
        for name, array in small.items():
            with archive.open(ZipInfo(f"{name}.npy"), "w") as out:
                npy.write_array(out, array, allow_pickle=False)


def _width(dtype: np.dtype) -> int:
    return dtype.itemsize
