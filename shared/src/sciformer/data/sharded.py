"""Any sample of a folder of shards by its number, or many at once."""

import os
import warnings
import zlib
from collections.abc import Mapping, Sequence
from io import FileIO
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import Dataset

from sciformer.data.folder import Folder
from sciformer.data.gathered import Gathered
from sciformer.data.index import INDEX, DamagedError, Field, Index, key_of
from sciformer.data.layout import Layout
from sciformer.data.members import decode, members

OPEN_FILES = 64  # handles that a process keeps


class ShardedDataset(Dataset[Any]):
    """The samples of a folder by number, each checked when a process first reads it.

    Samples that differ in nothing but their numbers are read straight to their place in the batch.
    A ValueError names what is wrong with the index, or with a sample when it is read.

    Args:
        folder: What ``write_shards`` wrote: a path, or an address that fsspec knows.
        sample: What to return: ``dict``, or a NamedTuple, of whose fields alone are then read.
        damaged: ``stop`` at a damaged sample, or ``skip`` it: the next sound one is given in its
            place, the same one each time, with one warning that names the damaged one.
    """

    def __init__(
        self,
        folder: str | Path,
        sample: type[Any] = dict,
        damaged: Literal["stop", "skip"] = "stop",
    ) -> None:
        self.folder = Folder(folder).check()
        index = self.folder.index
        self.fields = index.fields
        self.sample = sample
        self.damaged = damaged
        self.names = names_of(index, sample, self.folder.address)
        # Arrays and not lists of objects: a forked worker would copy every object that it touches.
        self._starts = np.cumsum([0, *(len(shard.sizes) for shard in index.shards)])
        self._offset = np.concatenate([shard.offsets for shard in index.shards])
        self._size = np.concatenate([shard.sizes for shard in index.shards])
        self._crc32 = np.concatenate([shard.crc32 for shard in index.shards])
        self._sound = np.zeros(len(self), bool)  # as this process has seen
        self._replaced: dict[int, int] = {}
        self._open: dict[int, FileIO] = {}
        alike = bool((self._size == self._size[0]).all()) and len(key_of(len(self) - 1)) == 8
        self._alike = alike and Layout.fits(self.fields, self.names)
        self._layout: Layout | None = None

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, position: int) -> Any:
        position = range(len(self))[position]
        position = self._replaced.get(position, position)
        try:
            return self._read(position)
        except DamagedError as error:
            if self.damaged == "stop":
                raise
            warnings.warn(f"{error}; skipped", stacklevel=2)
        for other in chain(range(position + 1, len(self)), range(position)):
            try:
                sample = self._read(other)
            except DamagedError:
                continue
            self._replaced[position] = other
            return sample
        raise DamagedError(f"{self.folder.address}: no sample is sound")

    def __getitems__(self, positions: Sequence[int]) -> list[Any]:
        layout = self._find_layout(positions)
        if layout is None:
            return [self[position] for position in positions]
        at = np.array([self._replaced.get(position, position) for position in positions])
        files = (np.searchsorted(self._starts, at, "right") - 1).tolist()
        places = zip(map(self._handle, files), self._offset[at].tolist(), strict=True)
        pieces = layout.read(places, len(at))
        sound = self._sound[at] & pieces.whole
        if not sound.all():
            keys = np.array([list(key_of(number).encode()) for number in at.tolist()], np.uint8)
            alike = layout.same(pieces.rest, keys)
            for row in np.flatnonzero(~sound).tolist():
                if alike[row] and pieces.crc32(row) == self._crc32[at[row]]:
                    self._sound[at[row]] = True
                    continue
                sample = self[int(at[row])]  # complains, or gives another one
                one_by_one = sample if isinstance(sample, dict) else sample._asdict()
                for name, array in pieces.arrays.items():
                    array[row] = torch.from_numpy(one_by_one[name])
        arrays = {name: array.numpy() for name, array in pieces.arrays.items()}
        samples = [
            self.sample(**{name: array[row, ...] for name, array in arrays.items()})
            for row in range(len(at))
        ]
        return Gathered(samples, self.sample(**pieces.arrays))

    def _read(self, position: int) -> Any:
        raw, where = self._raw(position)
        return self.sample(**read_fields(raw, key_of(position), self.names, self.fields, where))

    def _raw(self, position: int) -> tuple[bytearray, str]:
        file = int(np.searchsorted(self._starts, position, "right")) - 1
        where = f"{self.folder.name(file)}: sample {key_of(position)}"
        raw = bytearray(int(self._size[position]))  # writable, as torch wants an array's memory
        read_piece(self._handle(file), raw, int(self._offset[position]), where)
        check(raw, int(self._crc32[position]), where)
        return raw, where

    def _find_layout(self, positions: Sequence[int]) -> Layout | None:
        if self._layout is None and self._alike:
            for position in positions:
                try:
                    raw, where = self._raw(position)
                    read_fields(raw, key_of(position), self.names, self.fields, where)
                except DamagedError:
                    continue
                self._layout = Layout(raw, self.names, where)
                break
        return self._layout

    def _handle(self, number: int) -> int:
        if number not in self._open:
            if len(self._open) >= OPEN_FILES:
                self._open.pop(next(iter(self._open))).close()
            self._open[number] = self.folder.path(number).open("rb", buffering=0)
        return self._open[number].fileno()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}


def names_of(index: Index, sample: type[Any], address: str) -> tuple[str, ...]:
    """The fields of an index that a sample has.

    Args:
        index: What there is.
        sample: ``dict`` for all, or a NamedTuple of some.
        address: What to name in an error.

    Returns:
        Their names.

    Raises:
        ValueError: If the index lacks one of them.
    """
    names = tuple(index.fields) if sample is dict else sample._fields
    for name in names:
        if name not in index.fields:
            known = ", ".join(index.fields)
            raise ValueError(f"{address}/{INDEX}: fields: no {name!r}, only {known}")
    return names


def read_piece(handle: int, raw: bytearray, offset: int, where: str) -> None:
    """Fill a piece of memory from an open file.

    Args:
        handle: Of the file.
        raw: Where to.
        offset: Where in the file it begins.
        where: What to name in an error.

    Raises:
        DamagedError: If the file ends before, or the disk fails.
    """
    view = memoryview(raw)
    try:
        while view and (count := os.preadv(handle, [view], offset)):  # at most 2 GiB at once
            view, offset = view[count:], offset + count
    except OSError as error:
        raise DamagedError(f"{where}: damaged: {error.strerror}") from error
    if view:
        raise DamagedError(f"{where}: damaged: {len(view)} of its {len(raw)} bytes are missing")


def check(raw: bytearray, crc32: int, where: str) -> None:
    """Compare a sample with its checksum.

    Args:
        raw: The sample.
        crc32: Of the index.
        where: What to name in an error.

    Raises:
        DamagedError: If they differ.
    """
    found = zlib.crc32(raw)
    if found != crc32:
        raise DamagedError(f"{where}: damaged: crc32 {found:08x}, but {INDEX} has {crc32:08x}")


def read_fields(
    raw: bytearray, key: str, names: Sequence[str], kinds: Mapping[str, Field], where: str
) -> dict[str, Any]:
    """Decode a sample whose checksum is right; a hostile one has that as well.

    Args:
        raw: The sample.
        key: What its members should be called.
        names: The fields to read.
        kinds: What the index says of each field.
        where: What to name in an error.

    Returns:
        Field -> value.

    Raises:
        DamagedError: For a member that does not belong there, or is not what the index says.
    """
    fields = {}
    for found, rest, data in members(raw, where):
        name = rest.partition(".")[0]
        if found != key:
            raise DamagedError(f"{where}: holds member {found}.{rest} of another sample")
        if name in names:
            fields[name] = decode(rest, data, where)
    return complete(fields, names, kinds, where)


def complete(
    fields: Mapping[str, Any], names: Sequence[str], kinds: Mapping[str, Field], where: str
) -> dict[str, Any]:
    """Put fields in their order.

    Args:
        fields: Field -> value, decoded.
        names: The order.
        kinds: What the index says of each field.
        where: What to name in an error.

    Returns:
        Field -> value.

    Raises:
        DamagedError: If one is missing, or is not what the index says.
    """
    for name in names:
        if name not in fields:
            raise DamagedError(f"{where}: has no field {name!r}, but {INDEX} does")
        kinds[name].check(fields[name], f"{where}: {name}")
    return {name: fields[name] for name in names}
