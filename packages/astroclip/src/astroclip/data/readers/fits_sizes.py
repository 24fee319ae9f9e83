"""What the headers of a FITS file say of its sizes, before astropy believes them."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from sciformer.files import UNFOLDS

BLOCK, CARD = 2880, 80  # bytes
MOST = 999  # axes, or columns
NUMBER = re.compile(rb"([A-Z0-9_]{1,8}) *= *([+-]?\d{1,30}) *(?:/.*)?")
PACKED = re.compile(rb"ZNAME(\d+) *= *'(BYTEPIX|BLOCKSIZE) *'.*")
PACKING = {b"BYTEPIX": 8, b"BLOCKSIZE": 1024}  # the most of each; it is 4 and 32 mostly
FORM = re.compile(rb"TFORM\d+ *= *' *(\d{0,18})([A-Z])[^']*'.*")
SIZES = {  # bits of what a column holds; P and Q say where in the heap it is
    b"X": 1, b"L": 8, b"B": 8, b"A": 8, b"I": 16, b"J": 32, b"E": 32, b"K": 64, b"D": 64, b"C": 64,
    b"P": 64, b"M": 128, b"Q": 128,
}  # fmt: skip


def check_sizes(file: IO[bytes]) -> None:
    """Compare what all headers say with the bytes that follow them.

    Args:
        file: At any place; it is left at the start.

    Raises:
        ValueError: If there is not enough, or a header is none.
    """
    length = file.seek(0, 2)
    start, number = 0, 0
    while start < length:
        file.seek(start)
        cards = list(_cards(file))
        found = (match for match in map(NUMBER.fullmatch, cards) if match)
        said = {match[1]: int(match[2]) for match in found}
        _check_packing(cards, said, f"HDU {number}")
        start = file.tell()
        size = _size(said, _columns(cards), f"HDU {number}")
        if start + size > length:
            raise EOFError(f"HDU {number} has {length - start} bytes of {size}")
        start, number = start + -(-size // BLOCK) * BLOCK, number + 1
    file.seek(0)


def _cards(file: IO[bytes]) -> Iterator[bytes]:
    """The cards of a header, of which the last is not one; none where there is no header."""
    while block := file.read(BLOCK):
        for at in range(0, len(block), CARD):
            card = block[at : at + CARD].rstrip()
            if card == b"END":
                return
            yield card


def _columns(cards: Sequence[bytes]) -> int:
    """Bytes of the columns of a binary table, which astropy takes for those of a row."""
    if not cards or not cards[0].startswith(b"XTENSION= 'BINTABLE"):
        return 0
    forms = (match for match in map(FORM.fullmatch, cards) if match)
    return sum(-(-int(form[1] or 1) * SIZES.get(form[2], 8) // 8) for form in forms)


def _check_packing(cards: Sequence[bytes], said: Mapping[bytes, int], where: str) -> None:
    """Raise a ``ValueError`` for numbers of a compression by which astropy would take memory."""
    for number, name in (match.groups() for match in map(PACKED.fullmatch, cards) if match):
        value = said.get(b"ZVAL" + number, 1)
        if not 1 <= value <= PACKING[name]:
            raise ValueError(f"{where}: {name.decode()}: {value}")


def _size(said: Mapping[bytes, int], columns: int, where: str) -> int:
    """Bytes of the numbers behind a header."""
    size = _numbers(said, b"", where)
    if columns > said.get(b"NAXIS1", 0):
        raise ValueError(f"{where}: columns of {columns} bytes in rows of {said.get(b'NAXIS1')}")
    if not 0 <= said.get(b"TFIELDS", 0) <= MOST:
        raise ValueError(f"{where}: TFIELDS: {said[b'TFIELDS']}")
    if b"ZNAXIS" in said:
        if _numbers(said, b"Z", where) > UNFOLDS * size:
            raise ValueError(f"{where}: ZNAXIS: more than {size} bytes can be unpacked to")
        for axis in range(1, said[b"ZNAXIS"] + 1):
            tile = said.get(b"ZTILE%d" % axis, 1)
            if not 1 <= tile <= max(said.get(b"ZNAXIS%d" % axis, 1), 1):
                raise ValueError(f"{where}: ZTILE{axis}: {tile}")
    return size


def _numbers(said: Mapping[bytes, int], kind: bytes, where: str) -> int:
    """Bytes of an array; of an image that is packed in a table if the kind is Z."""
    axes = said.get(kind + b"NAXIS", 0)
    if not 0 <= axes <= MOST:
        raise ValueError(f"{where}: {kind.decode()}NAXIS: {axes}")
    shape = [said.get(kind + b"NAXIS%d" % axis, 0) for axis in range(1, axes + 1)]
    groups, more = said.get(kind + b"GCOUNT", 1), said.get(kind + b"PCOUNT", 0)
    if min(groups, more, *shape, 0) < 0:
        raise ValueError(f"{where}: {kind.decode()}NAXIS: {shape}, less than 0")
    numbers = math.prod(shape) if shape else 0
    return abs(said.get(kind + b"BITPIX", 8)) * groups * (more + numbers) // 8
