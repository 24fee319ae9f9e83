"""``index.json``: what a folder of shards holds, by which recipe, and where each sample lies."""

import json
import re
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64

from sciformer.files import write_atomically

FORMAT = 1
INDEX = "index.json"
JSON = "json"  # the dtype of a field that is no array
SHARD = re.compile(
    r"shard-[0-9]{5,}\.tar"
)  # nothing else: an index must not point out of its folder


@dataclass(frozen=True)
class Recipe:
    """All that the bytes of a data set depend on. A shard is a function of a recipe and a number.

    Args:
        generator: Name of the function that makes samples.
        version: Version of that function; another one may make other samples of the same seed.
        seed: Seed of the samples.
        count: Number of samples.
        shards: Number of files that they are spread over, at most ``count``.
        units: Field -> physical unit; a field that is not named has none.
        options: Further settings of the generator, as JSON.
    """

    generator: str
    version: str
    seed: int
    count: int
    shards: int
    units: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def samples(self, shard: int) -> range:
        """Numbers of the samples in a shard."""
        return range(self.count * shard // self.shards, self.count * (shard + 1) // self.shards)


class Field(NamedTuple):
    """One part of a sample. An axis is ``None`` where the samples differ."""

    dtype: str
    shape: tuple[int | None, ...]
    units: str


class Shard(NamedTuple):
    """One file, and the piece of it that each sample is."""

    file: str
    size: int
    sha256: str
    keys: list[str]
    offsets: Int64[np.ndarray, " samples"]
    sizes: Int64[np.ndarray, " samples"]
    crc32: Int64[np.ndarray, " samples"]


class Index(NamedTuple):
    """What a folder holds."""

    recipe: Recipe
    fields: dict[str, Field]
    shards: list[Shard]


def write_index(path: Path, index: Index) -> None:
    """Write an index whole or not at all; the same bytes for the same index."""
    record = {
        "format": FORMAT,
        **asdict(index.recipe),
        "fields": {name: part._asdict() for name, part in sorted(index.fields.items())},
        "files": [
            {
                **shard._asdict(),
                "count": len(shard.keys),
                "offsets": shard.offsets.tolist(),
                "sizes": shard.sizes.tolist(),
                "crc32": shard.crc32.tolist(),
            }
            for shard in index.shards
        ],
    }
    text = json.dumps(record, separators=(",", ":")) + "\n"
    write_atomically(path, lambda beside: beside.write_text(text))


def read_index(path: Path) -> Index:
    """Read an index, without trust.

    Args:
        path: The file, or the folder that it describes.

    Returns:
        What it says.

    Raises:
        ValueError: If it is missing, of a newer format, or says what cannot be.
    """
    path = path / INDEX if path.is_dir() else path
    if not path.is_file():
        raise ValueError(f"{path}: no such file; is the data set finished?")
    try:
        record = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        given = record.get("format") if isinstance(record, dict) else record
        raise ValueError(f"{path}: format: {given!r}, but this version reads {FORMAT}")
    recipe = Recipe(
        generator=_take(path, record, "generator", str),
        version=_take(path, record, "version", str),
        seed=_take(path, record, "seed", int),
        count=_take(path, record, "count", int),
        shards=_take(path, record, "shards", int),
        units=_take(path, record, "units", dict),
        options=_take(path, record, "options", dict),
    )
    fields = {
        name: _field(path, name, part) for name, part in _take(path, record, "fields", dict).items()
    }
    return Index(recipe, fields, [_shard(path, s) for s in _take(path, record, "files", list)])


def locate(folder: Path, index: Index) -> list[Path]:
    """Find the files of an index.

    Args:
        folder: Where they lie.
        index: What should be there.

    Returns:
        Their paths.

    Raises:
        ValueError: Naming the first that is missing or has another size.
    """
    paths = [folder / shard.file for shard in index.shards]
    for path, shard in zip(paths, index.shards, strict=True):
        size = path.stat().st_size if path.is_file() else None
        if size != shard.size:
            raise ValueError(f"{path}: size: {size}, but {INDEX} has {shard.size}")
    return paths


def _take(path: Path, record: Mapping[str, Any], key: str, kind: type) -> Any:
    value = record.get(key)
    if type(value) is not kind:  # not isinstance: True is an int
        raise ValueError(f"{path}: {key}: {reprlib.repr(value)} is not a {kind.__name__}")
    return value


def _field(path: Path, name: str, part: Any) -> Field:
    if not isinstance(part, dict):
        raise ValueError(f"{path}: fields: {name}: {reprlib.repr(part)}")
    shape = _take(path, part, "shape", list)
    return Field(_take(path, part, "dtype", str), tuple(shape), _take(path, part, "units", str))


def _shard(path: Path, part: Any) -> Shard:
    if not isinstance(part, dict) or not SHARD.fullmatch(str(part.get("file"))):
        raise ValueError(f"{path}: files: {reprlib.repr(part)} does not name a shard")
    keys = _take(path, part, "keys", list)
    shard = Shard(
        file=part["file"],
        size=_take(path, part, "size", int),
        sha256=_take(path, part, "sha256", str),
        keys=keys,
        offsets=_column(path, part, "offsets", len(keys)),
        sizes=_column(path, part, "sizes", len(keys)),
        crc32=_column(path, part, "crc32", len(keys)),
    )
    beyond = shard.offsets + shard.sizes > shard.size
    if beyond.any():
        first = int(beyond.argmax())
        raise ValueError(
            f"{path}: {shard.file}: sample {keys[first]}: offset {shard.offsets[first]} and size "
            f"{shard.sizes[first]} are beyond the file's {shard.size} bytes"
        )
    return shard


def _column(path: Path, part: Mapping[str, Any], key: str, count: int) -> np.ndarray:
    values = _take(path, part, key, list)
    whole_numbers = all(type(value) is int and 0 <= value < 2**62 for value in values)
    if len(values) != count or not whole_numbers:
        raise ValueError(f"{path}: {part['file']}: {key}: not {count} sizes in bytes")
    return np.array(values, np.int64)
