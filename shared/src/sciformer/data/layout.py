"""Samples that differ in nothing but their numbers, whose arrays are copied straight to a batch."""

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from sciformer.data.index import JSON, Field
from sciformer.data.members import BLOCK, CHECKSUM, decode, header, padded

KINDS = "biufc"  # what torch has, of what shards hold


class Layout:
    """Where the arrays lie in each sample, found out from one of them.

    Args:
        raw: A sound sample, from its first header to its last padding.
        names: The fields to read.
        where: What to name in an error.
    """

    def __init__(self, raw: bytearray, names: Collection[str], where: str) -> None:
        self.size = len(raw)
        self.arrays: dict[str, tuple[int, int, np.dtype, tuple[int, ...]]] = {}
        self.heads: list[tuple[int, int, bytes]] = []
        self.keys: list[tuple[int, int]] = []
        at = 0
        while at < self.size:
            key, rest, size = header(memoryview(raw)[at : at + BLOCK], where)
            start, stop = at + BLOCK, at + BLOCK + size
            array = decode(rest, memoryview(raw)[start:stop], where)
            data = stop - array.nbytes if isinstance(array, np.ndarray) else start
            if (name := rest.partition(".")[0]) in names:
                self.arrays[name] = data, stop, array.dtype, array.shape
            named, summed = at + len(key), at + CHECKSUM.start
            self.keys.append((at, named))
            self.heads.append((named, summed, bytes(raw[named:summed])))
            after = at + CHECKSUM.stop
            self.heads.append((after, data, bytes(raw[after:data])))
            at = start + padded(size)
        spans = sorted(span[:2] for span in self.arrays.values())
        self.start, self.stop = spans[0][0], spans[-1][1]
        self.length = self.stop - self.start
        self.scratch = memoryview(bytearray(raw))  # room for one sample

    @staticmethod
    def fits(fields: Mapping[str, Field], names: Iterable[str]) -> bool:
        """Whether fields are arrays of one shape that torch knows."""
        for name in names:
            dtype, shape = fields[name].dtype, fields[name].shape
            if dtype == JSON or None in shape or 0 in shape:
                return False
            if np.dtype(dtype).kind not in KINDS or not np.dtype(dtype).isnative:
                return False
        return True

    def empty(self, count: int) -> dict[str, Tensor]:
        """Room for the arrays of some samples."""
        room = {}
        for name, (_, _, dtype, shape) in self.arrays.items():
            room[name] = torch.from_numpy(np.empty((count, *shape), dtype))
            if get_worker_info() is not None:
                room[name].share_memory_()  # or it would be copied on its way to the trainer
        return room

    def room(self, arrays: Mapping[str, Tensor]) -> list[tuple[memoryview, int, int]]:
        """What to fill for each sample, from the first to the last byte that is wanted.

        Args:
            arrays: What ``empty`` gave.

        Returns:
            Memory, bytes from one sample to the next, bytes of a sample; what lies between two
            arrays goes to scratch.
        """
        room, at = [], self.start
        for name, (start, stop, *_) in sorted(self.arrays.items(), key=lambda item: item[1][:2]):
            if start > at:
                room.append((self.scratch, 0, start - at))
            bytes_ = arrays[name].numpy().reshape(-1).view(np.uint8)
            room.append((memoryview(bytes_), stop - start, stop - start))  # pyright: ignore
            at = stop
        return room

    def same(self, piece: memoryview, key: bytes) -> bool:
        """Whether a sample has this layout and key: its headers are those that were looked at."""
        return all(piece[start:stop] == key for start, stop in self.keys) and all(
            bytes(piece[start:stop]) == head for start, stop, head in self.heads
        )
