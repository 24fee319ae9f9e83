"""Samples that differ in nothing but their numbers, read many at a time straight to their place."""

import os
import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from torch.utils.data import get_worker_info

from sciformer.data.index import JSON, Field
from sciformer.data.members import BLOCK, CHECKSUM, decode, header, padded

KINDS = "biufc"  # what torch has, of what shards hold


class Pieces(NamedTuple):
    """What was read of some samples: their arrays, and the bytes around these."""

    arrays: dict[str, Tensor]
    rest: UInt8[np.ndarray, "samples bytes"]
    parts: list[np.ndarray]  # all of it in the order of the file
    whole: list[bool]  # whether as many bytes came as a sample has

    def crc32(self, row: int) -> int:
        """The checksum of a sample."""
        crc32 = 0
        for part in self.parts:
            crc32 = zlib.crc32(part[row], crc32)
        return crc32


class Layout:
    """Where the arrays lie in each sample, found out from one of them.

    Args:
        raw: A sound sample, from its first header to its last padding.
        names: The fields to read.
        where: What to name in an error.
    """

    def __init__(self, raw: bytearray, names: Collection[str], where: str) -> None:
        self.size = len(raw)
        self.kinds: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}
        cuts, heads, keys, at = [], np.zeros(self.size, bool), [], 0
        while at < self.size:
            key, rest, size = header(memoryview(raw)[at : at + BLOCK], where)
            start, stop = at + BLOCK, at + BLOCK + size
            array = decode(rest, memoryview(raw)[start:stop], where)
            data = stop - array.nbytes if isinstance(array, np.ndarray) else start
            heads[at:data] = True
            heads[at : at + len(key)] = False
            heads[at + CHECKSUM.start : at + CHECKSUM.stop] = False
            keys.append(np.arange(at, at + len(key)))
            if (name := rest.partition(".")[0]) in names:
                self.kinds[name] = array.dtype, array.shape
                cuts.append((name, data, stop))
            at = start + padded(size)
        wanted = np.zeros(self.size, bool)
        for _, start, stop in cuts:
            wanted[start:stop] = True
        self.cuts = cuts
        self.rest = int((~wanted).sum())
        inside = np.cumsum(~wanted) - 1  # place of a byte among those around the arrays
        self.heads = inside[heads]
        self.keys = inside[np.array(keys)]
        self.template = np.frombuffer(raw, np.uint8)[heads]

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

    def read(self, places: Iterable[tuple[int, int]], count: int) -> Pieces:
        """Read samples.

        Args:
            places: Of each sample, the handle of the open file and where in it the sample begins.
            count: Number of samples.

        Returns:
            Their pieces, unchecked.
        """
        rest = np.empty((count, self.rest), np.uint8)
        arrays, parts, at, taken = {}, [], 0, 0
        for name, start, stop in self.cuts:
            dtype, shape = self.kinds[name]
            arrays[name] = torch.from_numpy(np.empty((count, *shape), dtype))
            if get_worker_info() is not None:
                arrays[name].share_memory_()  # or it would be copied on its way to the trainer
            parts += [rest[:, taken : taken + start - at]]
            parts += [arrays[name].numpy().reshape(count, -1).view(np.uint8)]
            taken, at = taken + start - at, stop
        parts.append(rest[:, taken:])
        whole = [
            os.preadv(handle, [part[row] for part in parts], offset) == self.size
            for row, (handle, offset) in enumerate(places)
        ]
        return Pieces(arrays, rest, parts, whole)

    def same(
        self, rest: UInt8[np.ndarray, "samples bytes"], keys: UInt8[np.ndarray, "samples digits"]
    ) -> Bool[np.ndarray, " samples"]:
        """Whether headers are those of the sample that the layout is of, but for the key.

        Args:
            rest: The bytes around the arrays.
            keys: What each sample should be called.

        Returns:
            One answer for each sample.
        """
        heads = (rest[:, self.heads] == self.template).all(1)
        return heads & (rest[:, self.keys] == keys[:, None]).all((1, 2))
