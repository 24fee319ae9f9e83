"""Fast reading of fixed-shape samples: arrays are copied directly into a batch."""

from collections.abc import Collection, Iterable, Mapping
from struct import Struct
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import get_worker_info

from sciformer.data.shards.index import JSON, Field
from sciformer.data.shards.tar import BLOCK, CHECKSUM, decode, members, padded

KINDS = "biufc"  # what torch has, of what shards hold
LARGE = 4096  # bytes: a piece of its own takes as long to read as 4 KiB to copy
REST = ""  # headers, padding and small arrays: read together, then copied


class Span(NamedTuple):
    """Consecutive parts of a sample that are read at once."""

    parts: slice
    start: int
    length: int


class Layout:
    """Positions of the arrays in each sample, determined from one of them.

    Args:
        raw: Bytes of an intact sample, from its first header to its last padding.
        names: Names of the fields to read.
        where: Name in errors.
    """

    def __init__(self, raw: bytearray, names: Collection[str], where: str) -> None:
        self.arrays: dict[str, tuple[int, int, np.dtype, tuple[int, ...]]] = {}
        self.small: dict[str, slice] = {}  # where they are in the rest
        self.parts: list[tuple[str, int, int]] = []  # name or REST, first and last byte
        form, at, end, large = "", 0, 0, 0
        for key, kind, contents in members(raw, where):
            name, stop = kind.partition(".")[0], at + BLOCK + len(contents)
            value = decode(kind, contents, where)
            data = stop - (value.nbytes if isinstance(value, np.ndarray) else len(contents))
            form += f"{len(key)}s{CHECKSUM.start - len(key)}s8x{data - at - CHECKSUM.stop}s"
            at += BLOCK + padded(len(contents))
            if name in names:
                self.arrays[name] = data, stop, value.dtype, value.shape
            if stop - data >= LARGE:
                self.parts += [(REST, end, data), (name, data, stop)]
                end, large = stop, large + stop - data
                form += f"{at - stop}x"
            else:
                self.small[name] = slice(data - large, stop - large)
                form += f"{at - data}x"
        self.parts.append((REST, end, len(raw)))
        rest = b"".join(raw[start:stop] for name, start, stop in self.parts if name == REST)
        self.form = Struct(form)  # of each header: key, up to its checksum, from there on
        found = self.form.unpack(rest)
        self.headers = found[1::3], found[2::3]
        starts = [start for start, *_ in self.arrays.values()]
        wanted = [p for p in self.parts if any(p[1] <= start < p[2] for start in starts)]
        parts = slice(self.parts.index(wanted[0]), self.parts.index(wanted[-1]) + 1)
        self.whole = Span(slice(None), 0, len(raw))
        self.inner = Span(parts, wanted[0][1], wanted[-1][2] - wanted[0][1])

    @staticmethod
    def fits(fields: Mapping[str, Field], names: Iterable[str]) -> bool:
        """Whether fields are arrays of fixed shape with a data type that torch supports."""
        for name in names:
            dtype, shape = fields[name].dtype, fields[name].shape
            if dtype == JSON or None in shape or 0 in shape:
                return False
            if np.dtype(dtype).kind not in KINDS or not np.dtype(dtype).isnative:
                return False
        return True

    def empty(self, count: int) -> tuple[dict[str, Tensor], UInt8[np.ndarray, "samples rest"]]:
        """Allocate buffers for the arrays of some samples, and for all other bytes of them."""
        room = {}
        for name, (_, _, dtype, shape) in self.arrays.items():
            room[name] = torch.from_numpy(np.empty((count, *shape), dtype))
            if get_worker_info() is not None:
                room[name].share_memory_()  # or it would be copied on its way to the trainer
        return room, np.empty((count, self.form.size), np.uint8)

    def room(
        self, arrays: Mapping[str, Tensor], rest: UInt8[np.ndarray, "samples rest"]
    ) -> list[tuple[memoryview, ...]]:
        """Buffers to read each sample into; unrequested fields go to a scratch buffer."""
        columns, first = [pieces(rest, self.form.size)], 0
        for name, start, stop in self.parts:
            if name == REST:
                columns.append(pieces(rest, stop - start, first))
                first += stop - start
            elif name in arrays:
                columns.append(pieces(arrays[name].numpy(), stop - start))
            else:
                columns.append([memoryview(bytearray(stop - start))] * len(rest))
        return list(zip(*columns, strict=True))

    def same(self, rest: memoryview, key: bytes) -> bool:
        """Whether a sample has this layout and key: its headers must be equal."""
        found = self.form.unpack(rest)
        keys = found[::3]
        return keys.count(key) == len(keys) and (found[1::3], found[2::3]) == self.headers

    def spread(self, rest: UInt8[np.ndarray, "samples rest"], arrays: Mapping[str, Tensor]) -> None:
        """Copy small arrays from the other bytes into the batch."""
        for name in self.small.keys() & arrays.keys():
            bytewise(arrays[name].numpy())[:] = rest[:, self.small[name]]


def bytewise(array: np.ndarray) -> UInt8[np.ndarray, "samples size"]:
    """View arrays as bytes, one row per sample."""
    return array.reshape(len(array), -1).view(np.uint8)


def pieces(array: np.ndarray, size: int, first: int = 0) -> list[memoryview]:
    """Views of a byte range of each sample."""
    rows = bytewise(array)
    step = rows.shape[1]
    memory = memoryview(rows.reshape(-1))  # pyright: ignore
    return [memory[at : at + size] for at in range(first, rows.size + first, step)]
