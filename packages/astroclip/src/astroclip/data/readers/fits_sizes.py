"""Check the sizes in FITS headers against the file's length, before astropy allocates memory."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from sciformer.files import UNFOLDS

BLOCK, CARD = 2880, 80  # bytes
MOST = 999  # largest number of axes or columns
NUMBER = re.compile(rb"([A-Z0-9_]{1,8}) *= *([+-]?\d+) *(?:/.*)?")
SIZE = re.compile(rb"Z?(?:NAXIS\d*|BITPIX|[PG]COUNT|TFIELDS|TILE\d+)")
PACKED = re.compile(rb"ZNAME(\d+) *= *'(BYTEPIX|BLOCKSIZE) *'.*")
PACKING = {b"BYTEPIX": 8, b"BLOCKSIZE": 1024}  # largest value of each; usually 4 and 32
FORM = re.compile(rb"TFORM\d+ *= *' *(\d{0,18})([A-Z])[^']*'.*")
SIZES = {  # bits per element of a column; P and Q are heap descriptors
    b"X": 1, b"L": 8, b"B": 8, b"A": 8, b"I": 16, b"J": 32, b"E": 32, b"K": 64, b"D": 64, b"C": 64,
    b"P": 64, b"M": 128, b"Q": 128,
}  # fmt: skip


def check_sizes(file: IO[bytes]) -> None:
    """Compare the sizes in all headers with the bytes that follow them.

    Args:
        file: The file; left at its start.

    Raises:
        ValueError: If a header is malformed.
        EOFError: If data are missing.
    """
    length = file.seek(0, 2)
    start, number = 0, 0
    while start < length:
        file.seek(start)
        cards = list(_cards(file))
        header = _header(cards, f"HDU {number}")
        _check_packing(cards, header, f"HDU {number}")
        start = file.tell()
        size = _size(header, _columns(cards), f"HDU {number}")
        if start + size > length:
            raise EOFError(f"HDU {number} has {length - start} bytes of {size}")
        start, number = start + -(-size // BLOCK) * BLOCK, number + 1
    file.seek(0)


def _cards(file: IO[bytes]) -> Iterator[bytes]:
    """Cards of a header, without END; empty if there is no header."""
    while block := file.read(BLOCK):
        for at in range(0, len(block), CARD):
            card = block[at : at + CARD].rstrip()
            if card == b"END":
                return
            yield card


def _header(cards: Sequence[bytes], where: str) -> dict[bytes, int]:
    """Values of the cards that hold integers; which of two sizes astropy takes is not guessed."""
    header: dict[bytes, int] = {}
    for key, value in (match.groups() for match in map(NUMBER.fullmatch, cards) if match):
        if header.setdefault(key, int(value)) != int(value) and SIZE.fullmatch(key):
            raise ValueError(f"{where}: {key.decode()}: {header[key]} and {int(value)}")
    return header


def _columns(cards: Sequence[bytes]) -> int:
    """Bytes per row that a binary table's columns need."""
    if not cards or not cards[0].startswith(b"XTENSION= 'BINTABLE"):
        return 0
    forms = (match for match in map(FORM.fullmatch, cards) if match)
    return sum(-(-int(form[1] or 1) * SIZES.get(form[2], 8) // 8) for form in forms)


def _check_packing(cards: Sequence[bytes], header: Mapping[bytes, int], where: str) -> None:
    """Check compression parameters that would make astropy allocate too much memory."""
    for number, name in (match.groups() for match in map(PACKED.fullmatch, cards) if match):
        value = header.get(b"ZVAL" + number, 1)
        if not 1 <= value <= PACKING[name]:
            raise ValueError(f"{where}: {name.decode()}: {value}")


def _size(header: Mapping[bytes, int], columns: int, where: str) -> int:
    """Bytes of the data after a header."""
    size = _numbers(header, b"", where)
    if columns > header.get(b"NAXIS1", 0):
        raise ValueError(f"{where}: columns of {columns} bytes in rows of {header.get(b'NAXIS1')}")
    if not 0 <= header.get(b"TFIELDS", 0) <= MOST:
        raise ValueError(f"{where}: TFIELDS: {header[b'TFIELDS']}")
    if b"ZNAXIS" in header:
        if _numbers(header, b"Z", where) > UNFOLDS * size:
            raise ValueError(f"{where}: ZNAXIS: more than {size} bytes can be unpacked to")
        for axis in range(1, header[b"ZNAXIS"] + 1):
            tile = header.get(b"ZTILE%d" % axis, 1)
            if not 1 <= tile <= max(header.get(b"ZNAXIS%d" % axis, 1), 1):
                raise ValueError(f"{where}: ZTILE{axis}: {tile}")
    return size


def _numbers(header: Mapping[bytes, int], kind: bytes, where: str) -> int:
    """Bytes of an array; of a compressed image in a table if ``kind`` is Z."""
    axes = header.get(kind + b"NAXIS", 0)
    if not 0 <= axes <= MOST:
        raise ValueError(f"{where}: {kind.decode()}NAXIS: {axes}")
    shape = [header.get(kind + b"NAXIS%d" % axis, 0) for axis in range(1, axes + 1)]
    groups, more = header.get(kind + b"GCOUNT", 1), header.get(kind + b"PCOUNT", 0)
    if min(groups, more, *shape, 0) < 0:
        raise ValueError(f"{where}: {kind.decode()}NAXIS: {shape}, less than 0")
    numbers = math.prod(shape) if shape else 0
    return abs(header.get(kind + b"BITPIX", 8)) * groups * (more + numbers) // 8
