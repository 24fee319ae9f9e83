"""Checksums of weight files, verified on reading."""

import json
import mmap
import zipfile
from collections.abc import Mapping
from pathlib import Path
from struct import Struct

import torch
from torch import Tensor
from zlib_ng import zlib_ng

ZIP = b"PK\x03\x04"  # what such files begin with
LENGTHS = Struct("<26xHH")  # of name and extra field, in the header before a record of a zip file


def check_records(path: str | Path) -> None:
    """Verify the CRC-32 checksums of a torch file, which is a zip archive.

    torch writes these checksums but does not verify them. Files that are not zip archives are not
    checked here.

    Args:
        path: Path of the file.

    Raises:
        ValueError: Naming the file and the damaged record.
    """
    with Path(path).open("rb") as file:
        if file.read(len(ZIP)) != ZIP:
            return
        try:
            entries = zipfile.ZipFile(file).infolist()
        except Exception as error:  # a damaged list of records can raise anything at all
            raise ValueError(f"{path}: damaged or cut short ({type(error).__name__})") from error
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            _compare(path, content, entries)


def _compare(path: str | Path, content: mmap.mmap, entries: list[zipfile.ZipInfo]) -> None:
    if sum(entry.file_size for entry in entries) > len(content):  # they would lie in each other
        raise ValueError(f"{path}: damaged, as its records are larger than the file")
    with memoryview(content) as view:
        for entry in entries:
            if _computed(view, entry) != entry.CRC:
                raise ValueError(f"{path}: damaged: the checksum of {entry.filename!r} differs")


def _computed(view: memoryview, entry: zipfile.ZipInfo) -> int | None:
    """Checksum of a record's data; None if its position is invalid."""
    start = entry.header_offset
    stored = entry.compress_type == zipfile.ZIP_STORED and entry.file_size == entry.compress_size
    if not stored or not 0 <= start <= len(view) - LENGTHS.size:
        return None
    start += LENGTHS.size + sum(LENGTHS.unpack_from(view, start))
    with view[start : start + entry.file_size] as record:
        return zlib_ng.crc32(record)


def checksum(state: Mapping[str, Tensor], notes: Mapping[str, str]) -> str:
    """Checksum of weights and metadata, independent of their order.

    Args:
        state: State dict, on the CPU.
        notes: Metadata: text by name.

    Returns:
        Checksum as text.
    """
    crc32 = zlib_ng.crc32(json.dumps(dict(notes), sort_keys=True).encode())
    for name, tensor in sorted(state.items()):
        about = json.dumps([name, str(tensor.dtype), list(tensor.shape)])
        content = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
        crc32 = zlib_ng.crc32(content, zlib_ng.crc32(about.encode(), crc32))
    return f"{crc32:08x}"
