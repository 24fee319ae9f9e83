"""Write simulated samples as WebDataset shards: reproducible and resumable.

A folder holds ``shard-00000.tar`` ... and ``index.json``, which is written last. Until then,
``shard-00000.json`` next to a finished shard is its part of the index.
"""

import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from sciformer.data.shards.index import (
    INDEX,
    JSON,
    Field,
    Index,
    Recipe,
    Shard,
    key_of,
    number_of,
    read_index,
    write_index,
)
from sciformer.data.shards.tar import encode
from sciformer.data.workers import spread
from sciformer.files import write_atomically
from sciformer.lock import exclusive

PARTS, SHARDS = "shard-*.json", "shard-*.tar"
BUFFER = 2**20  # pages that are written together lie together in the cache, and are read faster
LEFTOVERS = ".shard-*"  # what a killed process was writing


def write_shards(
    out: str | Path,
    make_sample: Callable[[int], Mapping[str, Any]],
    recipe: Recipe,
    progress: Callable[[int], None] | None = None,
    workers: int = 0,
) -> Index:
    """Write a data set, or its missing shards.

    Args:
        out: Output folder; created if it does not exist. Finished shards of the same recipe are
            kept.
        make_sample: Sample index -> fields: arrays, or JSON values (tuples are read back as lists).
            Must be a pure function; seed and options are in the recipe. Must be picklable if there
            are workers.
        recipe: Recipe of the data set.
        progress: Called with the number of samples on disk, at the start and after each shard.
        workers: Number of processes that write shards; 0 writes in the main process. The bytes do
            not depend on it.

    Returns:
        The index of the folder.

    Raises:
        ValueError: If the folder holds shards of another recipe, another process writes to it, or
            samples differ in fields, data types or numbers of axes.
    """
    recipe.check()
    if workers < 0:
        raise ValueError(f"workers: {workers} is less than 0")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        parts = finished(folder, recipe)
        missing = [number for number in range(recipe.shards) if number not in parts]
        done = recipe.count - sum(len(recipe.samples(number)) for number in missing)
        if progress is not None:
            progress(done)
        write = partial(write_shard, folder, make_sample, recipe)
        with closing(spread(write, missing, workers)) as written:
            for part in written:
                (shard,) = part.shards
                parts[number_of(shard.file)] = part
                done += len(shard.sizes)
                if progress is not None:
                    progress(done)
        ordered = [parts[number] for number in range(recipe.shards)]
        fields = common(part.fields for part in ordered)
        index = Index(recipe, fields, [part.shards[0] for part in ordered])
        write_index(folder / INDEX, index)
        for rest in folder.glob(PARTS):
            rest.unlink()
    return index


def write_shard(
    folder: Path, make_sample: Callable[[int], Mapping[str, Any]], recipe: Recipe, number: int
) -> Index:
    """Write one shard and its part of the index; a function of recipe and shard index alone.

    Args:
        folder: Output folder.
        make_sample: Sample index -> fields.
        recipe: Recipe of the data set.
        number: Index of the shard.

    Returns:
        The index of this shard.

    Raises:
        OSError: Naming the shard, if it cannot be written.
    """
    ends, fields = [], {}

    def write(path: Path) -> None:
        nonlocal fields
        with (
            path.open("wb", BUFFER) as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar,
        ):
            for sample_number in recipe.samples(number):
                key, sample = key_of(sample_number), make_sample(sample_number)
                for rest, data in encode(sample, f"sample {key}").items():
                    member = tarfile.TarInfo(f"{key}.{rest}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
                ends.append(tar.offset)
                described = describe(sample, recipe)
                fields = common([fields or described, described], f"sample {key}")

    path = folder / f"shard-{number:05d}.tar"
    try:
        write_atomically(path, write)
        part = Index(recipe, fields, [summarize(path, np.array(ends, np.int64))])
        write_index(path.with_suffix(".json"), part)
    except OSError as error:
        if error.filename is None and error.strerror:  # a full disk does not say which file
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    return part


def remove_shards(folder: Path) -> None:
    """Remove a data set, complete or not.

    Args:
        folder: Folder of the data set.

    Raises:
        ValueError: If another process writes to it.
    """
    with _alone(folder):
        (folder / INDEX).unlink(missing_ok=True)  # first: without it nothing else is a data set
        for pattern in (PARTS, SHARDS):
            for path in folder.glob(pattern):
                path.unlink()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock a folder against other writers, and remove temporary files at the end."""
    with exclusive(folder, "process is writing"):
        for leftover in folder.glob(LEFTOVERS):
            leftover.unlink()
        try:
            yield
        finally:
            for leftover in folder.glob(LEFTOVERS):
                leftover.unlink()


def finished(folder: Path, recipe: Recipe) -> dict[int, Index]:
    """Find finished shards of an earlier run.

    Args:
        folder: Folder of the data set.
        recipe: Recipe that they must have.

    Returns:
        Shard index -> its part of the index.

    Raises:
        ValueError: If the folder holds shards of another recipe.
    """
    parts = {}
    for path in [*sorted(folder.glob(PARTS)), *folder.glob(INDEX)]:
        index = read_index(path)
        theirs, ours = asdict(index.recipe), asdict(recipe)
        for key, value in ours.items():
            if theirs[key] != value:
                raise ValueError(
                    f"{folder}: {key}: {value!r}, but the shards there were written "
                    f"with {theirs[key]!r}; --overwrite replaces them"
                )
        for shard in index.shards:
            file = folder / shard.file
            if file.is_file() and file.stat().st_size == shard.size:
                parts[number_of(shard.file)] = index._replace(shards=[shard])
    return parts


def describe(sample: Mapping[str, Any], recipe: Recipe) -> dict[str, Field]:
    """Data type, shape and unit of a sample's fields.

    Args:
        sample: Field -> value.
        recipe: Recipe with the units.

    Returns:
        Field -> properties.

    Raises:
        ValueError: If a unit is given for a field that does not exist.
    """
    for name in recipe.units:
        if name not in sample:
            raise ValueError(f"units: {name}: the samples have only {', '.join(sample)}")
    fields = {}
    for name, value in sample.items():
        array = isinstance(value, np.ndarray | np.generic)
        dtype, shape = (value.dtype.str, value.shape) if array else (JSON, ())
        fields[name] = Field(dtype, shape, recipe.units.get(name, ""))
    return fields


def common(parts: Iterable[Mapping[str, Field]], where: str = "shards") -> dict[str, Field]:
    """Properties that the fields of several samples share.

    Args:
        parts: Fields of each sample.
        where: Name in errors.

    Returns:
        Field -> properties; an axis of varying size is ``None``.

    Raises:
        ValueError: If field names, data types or numbers of axes differ.
    """
    first, *others = parts
    result = dict(first)
    for other in others:
        for name in result.keys() | other.keys():
            a, b = result.get(name), other.get(name)
            if a is None or b is None or a.dtype != b.dtype or len(a.shape) != len(b.shape):
                raise ValueError(f"{where}: {name}: {b}, but the samples before have {a}")
            axes = zip(a.shape, b.shape, strict=True)
            result[name] = a._replace(shape=tuple(n if n == m else None for n, m in axes))
    return result


def summarize(path: Path, ends: Int64[np.ndarray, " samples"]) -> Shard:
    """Read a finished shard and compute its checksums.

    Args:
        path: Path of the shard.
        ends: End offset of each sample.

    Returns:
        Its entry of the index.
    """
    sha256, sizes, crcs = hashlib.sha256(), np.diff(ends, prepend=0), []
    with path.open("rb") as file:
        for size in sizes.tolist():
            raw = file.read(size)
            sha256.update(raw)
            crcs.append(zlib.crc32(raw))
        sha256.update(file.read())  # the end of the archive, at most 10 KiB
        length = file.tell()
    return Shard(path.name, length, sha256.hexdigest(), sizes, np.array(crcs, np.uint32))
