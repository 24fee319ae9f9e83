"""Open text files, packed or not, and find their encoding."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sciformer.arguments import ArgumentError

GZIP = b"\x1f\x8b"
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, which starts alike
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NO_TEXT = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x89HDF", b"SIMPLE  =", b"SQLite", b"%PDF")
NO_TEXT += (b"PAR1", b"ARROW1", b"\x93NUMPY", b"\x89PNG")
NOT_IN_WINDOWS = {0x81, 0x8D, 0x8F, 0x90, 0x9D}  # bytes that cp1252 has no character for
BLOCK = 1 << 20  # bytes that are read at once
UNPACKED = 1 << 32  # bytes of a gzip file, at most


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, unpacked if it is a gzip file.

    Args:
        path: Path of the file.

    Yields:
        The file.

    Raises:
        ValueError: If it does not exist or is a damaged gzip file.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
        file.seek(0)
        try:
            with gzip.open(file) if packed else file as plain:
                yield plain  # pyright: ignore[reportReturnType]  # a gzip file reads bytes
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path}: {error}") from error


def encoding_of(path: Path, given: str | None = None) -> tuple[str, str]:
    """Encoding of a file: by its byte order mark, UTF-8 if it is that, else Windows' Latin.

    Args:
        path: Path of a text file.
        given: What the user says.

    Returns:
        The encoding, and a note if it is a guess.

    Raises:
        ValueError: If there is no such encoding, or the file is no text.
    """
    if given is not None:
        try:
            return codecs.lookup(given).name, ""
        except LookupError as error:
            raise ArgumentError("encoding", str(error)) from error
    with opened(path) as file:
        head = file.read(BLOCK)
    if head.startswith(NO_TEXT):
        raise ValueError(f"{path}: {head[:4]!r} starts no text; save the table as CSV")
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name, ""
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if zeros.count(0) * 2 > len(zeros) and head.count(0) == zeros.count(0):
            return name, ""
    return _of_bytes(path)


def _of_bytes(path: Path) -> tuple[str, str]:
    decoder, strange = codecs.getincrementaldecoder("utf-8")(), set[int]()
    utf8 = True
    for block in blocks(path):
        if b"\0" in block:
            raise ValueError(f"{path}: holds zero bytes: it is no text")
        strange |= NOT_IN_WINDOWS & set(block)
        try:
            decoder.decode(block) if utf8 else None
        except UnicodeDecodeError:
            utf8 = False
    if utf8:
        return "utf-8", ""
    name = "latin-1" if strange else "cp1252"
    return name, f"not UTF-8: read as {name}"


def blocks(path: Path, most: int | None = None) -> Iterator[bytes]:
    """Contents of a file, unpacked, block by block.

    Args:
        path: Path of the file.
        most: Bytes that it may have; None limits those of a packed file.

    Yields:
        The blocks.

    Raises:
        ValueError: If it has more bytes.
    """
    size = 0
    with opened(path) as file:
        limit = UNPACKED if most is None and isinstance(file, gzip.GzipFile) else most
        while block := file.read(BLOCK):
            size += len(block)
            if limit is not None and size > limit:
                raise ValueError(f"{path}: more than {limit} bytes")
            yield block
