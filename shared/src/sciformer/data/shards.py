"""Write any simulator's samples as WebDataset shards: the same bytes on every run, resumable.

A folder holds ``shard-00000.tar`` ... and ``index.json``, which is written last. While it is being
filled, ``shard-00000.json`` beside a finished shard is its part of the index.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from webdataset.writer import TarWriter

from sciformer.data.index import INDEX, JSON, Field, Index, Recipe, Shard, read_index, write_index
from sciformer.data.members import encode
from sciformer.files import write_atomically

PARTS = "shard-*.json"
LEFTOVERS = ".shard-*"  # what a killed process was writing


def write_shards(
    out: str | Path,
    make_sample: Callable[[int], Mapping[str, Any]],
    recipe: Recipe,
    progress: Callable[[int], None] | None = None,
) -> Index:
    """Write a data set, or what is missing of it.

    Args:
        out: The folder; made where missing. Finished shards of the same recipe are kept.
        make_sample: Number of a sample -> its fields: arrays, or anything that JSON can say (tuples
            come back as lists). A pure function; its seed and options are those of the recipe.
        recipe: What is written.
        progress: Called with the number of samples on the disk, after each shard.

    Returns:
        The index of the folder.

    Raises:
        ValueError: If the folder holds shards of another recipe, or samples do not fit together.
    """
    if not 1 <= recipe.shards <= recipe.count:
        raise ValueError(f"shards: {recipe.shards} for {recipe.count} samples")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    parts = finished(folder, recipe)
    done = sum(len(part.shards[0].keys) for part in parts.values())
    for number in range(recipe.shards):
        if number not in parts:
            parts[number] = write_shard(folder, make_sample, recipe, number)
            done += len(parts[number].shards[0].keys)
        if progress is not None:
            progress(done)
    ordered = [parts[number] for number in range(recipe.shards)]
    index = Index(recipe, common(part.fields for part in ordered), [p.shards[0] for p in ordered])
    write_index(folder / INDEX, index)
    for rest in [*folder.glob(PARTS), *folder.glob(LEFTOVERS)]:
        rest.unlink(missing_ok=True)
    return index


def write_shard(
    folder: Path, make_sample: Callable[[int], Mapping[str, Any]], recipe: Recipe, number: int
) -> Index:
    """Write one shard, then its part of the index; a function of the recipe and the number alone.

    Args:
        folder: Where to.
        make_sample: Number of a sample -> its fields.
        recipe: What is written.
        number: Which shard.

    Returns:
        The index of this shard.
    """
    keys, ends, fields = [], [], {}

    def write(path: Path) -> None:
        nonlocal fields
        with (
            path.open("wb") as file,
            TarWriter(file, "sciformer", "sciformer", mtime=0, encoder=False) as tar,
        ):
            for sample_number in recipe.samples(number):
                key = f"{sample_number:08d}"
                sample = make_sample(sample_number)
                tar.write({"__key__": key, **encode(sample, f"sample {key}")})
                keys.append(key)
                ends.append(tar.tarstream.offset)
                described = describe(sample, recipe)
                fields = common([fields or described, described], f"sample {key}")

    path = folder / _file(number)
    write_atomically(path, write)
    shard = summarize(path, keys, np.array(ends, np.int64))
    part = Index(recipe, fields, [shard])
    write_index(folder / _part(number), part)
    return part


def finished(folder: Path, recipe: Recipe) -> dict[int, Index]:
    """Find the shards that an earlier run has finished.

    Args:
        folder: Where to look.
        recipe: What they must belong to.

    Returns:
        Number of the shard -> its part of the index.

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
                    f"with {theirs[key]!r}"
                )
        for shard in index.shards:
            file = folder / shard.file
            if file.is_file() and file.stat().st_size == shard.size:
                parts[int(file.stem.removeprefix("shard-"))] = index._replace(shards=[shard])
    return parts


def describe(sample: Mapping[str, Any], recipe: Recipe) -> dict[str, Field]:
    """The fields of a sample.

    Args:
        sample: Field -> value.
        recipe: Names the units.

    Returns:
        Field -> what it is.

    Raises:
        ValueError: If a unit is given to a field that the sample lacks.
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
    """What the fields of several samples have in common.

    Args:
        parts: The fields of each.
        where: What to name in an error.

    Returns:
        Field -> what it is; an axis that differs is ``None``.

    Raises:
        ValueError: If they have other fields, dtypes or numbers of axes.
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


def summarize(path: Path, keys: list[str], ends: np.ndarray) -> Shard:
    """Read a written shard back for its checksums.

    Args:
        path: The shard.
        keys: Its samples.
        ends: Where each sample ends.

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
    crc32 = np.array(crcs, np.int64)
    return Shard(path.name, length, sha256.hexdigest(), keys, ends - sizes, sizes, crc32)


def _file(number: int) -> str:
    return f"shard-{number:05d}.tar"


def _part(number: int) -> str:
    return f"shard-{number:05d}.json"
