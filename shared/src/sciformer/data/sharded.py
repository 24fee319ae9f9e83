"""Read shards: any sample by its number, or all of them as a stream; and find damage."""

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import Dataset, get_worker_info
from webdataset.pipeline import DataPipeline
from webdataset.shardlists import SimpleShardList
from webdataset.tariterators import tarfile_to_samples

from sciformer.data.index import INDEX, Index, locate, read_index
from sciformer.data.members import decode, members, scan

OPEN_FILES = 64  # handles that a process keeps


class ShardedDataset(Dataset[Any]):
    """The samples of a folder by number, each with one seek and one read, checked by its checksum.

    A ValueError names what is wrong with the index, or with a sample when it is read.

    Args:
        folder: What ``write_shards`` wrote.
        sample: What to return: ``dict``, or a NamedTuple, of whose fields alone are then read.
    """

    def __init__(self, folder: str | Path, sample: type[Any] = dict) -> None:
        index = read_index(Path(folder))
        self.fields = index.fields
        self.sample = sample
        self.names = _names(Path(folder), index, sample)
        self.files = Files(locate(Path(folder), index))
        # Arrays and not lists of objects: a forked worker would copy every object that it touches.
        self.keys = np.array([key for shard in index.shards for key in shard.keys], "S")
        self._file = np.repeat(range(len(index.shards)), [len(s.keys) for s in index.shards])
        self._offset = np.concatenate([shard.offsets for shard in index.shards])
        self._size = np.concatenate([shard.sizes for shard in index.shards])
        self._crc32 = np.concatenate([shard.crc32 for shard in index.shards])

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, position: int) -> Any:
        file = int(self._file[position])
        raw = self.files.read(file, int(self._offset[position]), int(self._size[position]))
        key = self.keys[position].decode()
        where = f"{self.files.paths[file]}: sample {key}"
        _check(raw, int(self._crc32[position]), where)
        return self.sample(**_fields(raw, key, self.names, where))


class Files:
    """Files to read pieces of; opened when needed, by each process for itself.

    Args:
        paths: The files.
    """

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self._open: dict[int, FileIO] = {}
        self._process = os.getpid()

    def read(self, number: int, offset: int, size: int) -> bytearray:
        """Read a piece of a file; less of it if the file ends before."""
        if self._process != os.getpid():  # a fork shares the position of an open file
            self._open, self._process = {}, os.getpid()
        if number not in self._open:
            if len(self._open) >= OPEN_FILES:
                self._open.pop(next(iter(self._open))).close()
            self._open[number] = self.paths[number].open("rb", buffering=0)
        stream = self._open[number]
        stream.seek(offset)
        raw = bytearray(size)  # writable, as torch wants the memory of an array to be
        view = memoryview(raw)
        while view and (count := stream.readinto(view)):  # one call reads at most 2 GiB
            view = view[count:]
        del raw[size - len(view) :]
        return raw

    def __getstate__(self) -> dict[str, Any]:
        return {"paths": self.paths, "_open": {}, "_process": 0}


def stream(
    folder: str | Path, sample: type[Any] = dict, rank: int = 0, world: int = 1
) -> DataPipeline:
    """Stream the samples of a folder through WebDataset, where their order does not matter.

    Whole shards go to the ranks and their workers in turn, each to one of them, so the ranks differ
    in the number of samples: where every rank must take the same number of steps, use
    ``ShardedDataset``. Headers are checked before a shard is read; checksums are not.

    Args:
        folder: What ``write_shards`` wrote.
        sample: What to return: ``dict``, or a NamedTuple, of whose fields alone are then decoded.
        rank: This process.
        world: Number of processes.

    Returns:
        An iterable data set for any number of workers of a DataLoader.
    """
    index = read_index(Path(folder))
    names = _names(Path(folder), index, sample)
    return DataPipeline(
        SimpleShardList([str(path.absolute()) for path in locate(Path(folder), index)]),
        partial(_share, rank=rank, world=world),
        partial(_checked, index=index),
        tarfile_to_samples(),
        partial(_decoded, names=names, sample=sample),
    )


def verify(folder: str | Path) -> Iterator[str]:
    """Read a whole data set and compare it with its checksums.

    Args:
        folder: What ``write_shards`` wrote.

    Yields:
        One line for each damaged sample or shard, naming it.
    """
    index = read_index(Path(folder))
    for number, shard in enumerate(index.shards):
        try:
            (path,) = locate(Path(folder), index._replace(shards=[shard]))
        except ValueError as error:
            yield str(error)
            continue
        files, damaged = Files([path]), False
        rows = zip(shard.keys, shard.offsets, shard.sizes, shard.crc32, strict=True)
        for key, offset, size, crc32 in rows:
            where = f"{path}: sample {key}"
            try:
                raw = files.read(0, int(offset), int(size))
                _check(raw, int(crc32), where)
                _fields(raw, key, tuple(index.fields), where)
            except ValueError as error:
                damaged = True
                yield str(error)
        with path.open("rb") as whole_file:
            sha256 = hashlib.file_digest(whole_file, "sha256").hexdigest()
        if sha256 != shard.sha256 and not damaged:
            yield f"{path}: sha256 {sha256} outside of its samples, {INDEX} has {shard.sha256}"
        expected = [f"{n:08d}" for n in index.recipe.samples(number)]
        if shard.keys != expected:
            yield f"{path}: holds other samples than {expected[0]} to {expected[-1]}"


def _names(folder: Path, index: Index, sample: type[Any]) -> tuple[str, ...]:
    names = tuple(index.fields) if sample is dict else sample._fields
    for name in names:
        if name not in index.fields:
            known = ", ".join(index.fields)
            raise ValueError(f"{folder / INDEX}: fields: no {name!r}, only {known}")
    return names


def _check(raw: bytearray, crc32: int, where: str) -> None:
    found = zlib.crc32(raw)
    if found != crc32:
        raise ValueError(f"{where}: damaged: crc32 {found:08x}, but {INDEX} has {crc32:08x}")


def _fields(raw: bytearray, key: str, names: tuple[str, ...], where: str) -> dict[str, Any]:
    fields = {}
    for found, rest, data in members(raw, where):
        name = rest.partition(".")[0]
        if found != key:
            raise ValueError(f"{where}: holds member {found}.{rest} of another sample")
        if name in names:
            fields[name] = decode(rest, data, where)
    return _complete(fields, names, where)


def _complete(fields: Mapping[str, Any], names: tuple[str, ...], where: str) -> dict[str, Any]:
    for name in names:
        if name not in fields:
            raise ValueError(f"{where}: has no field {name!r}, but {INDEX} does")
    return {name: fields[name] for name in names}


def _share(sources: Iterable[Any], rank: int, world: int) -> Iterator[Any]:
    info = get_worker_info()
    worker, workers = (info.id, info.num_workers) if info else (0, 1)
    return islice(sources, rank * workers + worker, None, world * workers)


def _checked(sources: Iterable[Any], index: Index) -> Iterator[Any]:
    keys_of = {shard.file: shard.keys for shard in index.shards}
    for source in sources:
        path, keys = Path(source["url"]), {}  # a dict, to keep their order
        for key, rest in scan(path):
            keys[key] = True
            if rest.partition(".")[0] not in index.fields:
                raise ValueError(f"{path}: member {key}.{rest}: no such field in {INDEX}")
        if list(keys) != keys_of[path.name]:
            raise ValueError(f"{path}: holds {len(keys)} samples that are not those of {INDEX}")
        yield source


def _decoded(samples: Iterable[Any], names: tuple[str, ...], sample: type[Any]) -> Iterator[Any]:
    for raw in samples:
        where = f"{raw['__url__']}: sample {raw['__key__']}"
        data = {rest.partition(".")[0]: (rest, raw[rest]) for rest in raw if rest[0] != "_"}
        pieces = _complete(data, names, where)
        yield sample(
            **{name: decode(rest, bytearray(b), where) for name, (rest, b) in pieces.items()}
        )
