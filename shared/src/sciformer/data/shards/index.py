"""``index.json``: fields and recipe of a folder of shards, and the position of each sample."""

import hashlib
import json
import math
import re
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64, UInt32

from sciformer.arguments import ArgumentError, check_least
from sciformer.data.npy import dtype_of
from sciformer.files import write_atomically
from sciformer.strict_json import from_json

FORMAT = 1
INDEX = "index.json"
JSON = "json"  # the dtype of a field that is no array
SHARD = re.compile(r"shard-[0-9]{5,7}\.tar")  # an index must not point out of its folder
HEX = re.compile("[0-9a-f]*")
LARGEST = 2**48  # bytes of a file, or numbers along an axis
SEAL = len(f'{{"checksum":"{64 * "0"}",')  # bytes before what the checksum of an index covers


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the bytes of a data set; shard ``i`` is a function of it and i.

    Args:
        generator: Name of the function that makes samples.
        version: Version of that function; versions may differ in the samples of a seed.
        seed: Seed of the samples.
        count: Number of samples.
        shards: Number of files; at most ``count``.
        units: Field -> physical unit; fields without a unit are left out.
        options: Further settings of the generator, as plain JSON data.
    """

    generator: str
    version: str
    seed: int
    count: int
    shards: int
    units: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def samples(self, shard: int) -> range:
        """Indices of the samples in a shard."""
        return range(self.count * shard // self.shards, self.count * (shard + 1) // self.shards)

    def check(self) -> None:
        """Raise an ``ArgumentError`` if there are no samples, or more files than samples."""
        check_least(samples=(self.count, 1))
        if not 1 <= self.shards <= self.count:
            raise ArgumentError("shards", f"{self.shards} for {self.count} samples")


class DamagedError(ValueError):
    """Data read differ from the data written."""


class Field(NamedTuple):
    """Data type and shape of a field. An axis is ``None`` if its size varies."""

    dtype: str
    shape: tuple[int | None, ...]
    units: str

    def check(self, value: Any, where: str) -> None:
        """Check that a value has this type and shape.

        Args:
            value: Value to check.
            where: Name in errors.

        Raises:
            DamagedError: If type or shape differs.
        """
        array = isinstance(value, np.ndarray)
        dtype, shape = (value.dtype.str, value.shape) if array else (JSON, ())
        alike = len(shape) == len(self.shape) and all(
            expected in (None, size) for expected, size in zip(self.shape, shape, strict=True)
        )
        if dtype != self.dtype or not alike:
            raise DamagedError(
                f"{where} is {dtype} {shape}, but {INDEX} has {self.dtype} {self.shape}"
            )


class Shard(NamedTuple):
    """One file: concatenated samples, followed by the end of the archive."""

    file: str
    size: int
    sha256: str
    sizes: Int64[np.ndarray, " samples"]
    crc32: UInt32[np.ndarray, " samples"]

    @property
    def offsets(self) -> Int64[np.ndarray, " samples"]:
        """Offset of each sample."""
        return np.cumsum(self.sizes) - self.sizes


class Index(NamedTuple):
    """Content of a folder of shards."""

    recipe: Recipe
    fields: dict[str, Field]
    shards: list[Shard]


def write_index(path: Path, index: Index) -> None:
    """Write an index atomically; the same index gives the same bytes."""
    record = {
        "format": FORMAT,
        **asdict(index.recipe),
        "fields": {name: part._asdict() for name, part in sorted(index.fields.items())},
        "files": [
            {
                **shard._asdict(),
                "count": len(shard.sizes),
                "sizes": _short(shard.sizes.tolist()),
                "crc32": shard.crc32.astype(">u4").tobytes().hex(),
            }
            for shard in index.shards
        ],
    }
    text = seal(record)
    write_atomically(path, lambda beside: beside.write_text(text))


def seal(record: Mapping[str, Any]) -> str:
    """Convert an index to JSON whose first key is the checksum of the rest.

    Args:
        record: Content of the index.

    Returns:
        Text of the file.
    """
    rest = json.dumps(record, separators=(",", ":"))[1:] + "\n"
    return f'{{"checksum":"{hashlib.sha256(rest.encode()).hexdigest()}",{rest}'


def read_index(path: Path) -> Index:
    """Read and validate an index.

    Args:
        path: Path of the file or its folder.

    Returns:
        The index.

    Raises:
        ValueError: If it is missing, has a newer format, or is invalid.
    """
    path = path / INDEX if path.is_dir() else path
    if not path.is_file():
        raise ValueError(f"{path}: no such file; is the data set finished?")
    record = _record(path, path.read_bytes())
    recipe = _recipe(path, record)
    fields = {
        name: _field(path, name, part) for name, part in _take(path, record, "fields", dict).items()
    }
    if not fields:
        raise ValueError(f"{path}: fields: there are none")
    shards = [_shard(path, recipe, part) for part in _take(path, record, "files", list)]
    if path.name == INDEX:
        files = (f"shard-{number:05d}.tar" for number in range(recipe.shards))
        if len(shards) != recipe.shards or [shard.file for shard in shards] != list(files):
            raise ValueError(f"{path}: files: not {recipe.shards} shards in their order")
    largest = max(int(shard.sizes.max()) for shard in shards)
    for name, part in fields.items():
        if part.dtype != JSON and None not in part.shape:
            room = np.dtype(part.dtype).itemsize * math.prod(size or 0 for size in part.shape)
            if room > largest:
                raise ValueError(f"{path}: fields: {name}: shape {part.shape} is beyond a sample")
    return Index(recipe, fields, shards)


def _recipe(path: Path, record: dict[str, Any]) -> Recipe:
    recipe = Recipe(
        generator=_take(path, record, "generator", str),
        version=_take(path, record, "version", str),
        seed=_take(path, record, "seed", int),
        count=_take(path, record, "count", int),
        shards=_take(path, record, "shards", int),
        units=_take(path, record, "units", dict),
        options=_take(path, record, "options", dict),
    )
    try:
        recipe.check()
    except ArgumentError as error:
        raise ValueError(f"{path}: {error}") from error
    return recipe


def key_of(sample: int) -> str:
    """Prefix of a sample's members in a shard."""
    return f"{sample:08d}"


def number_of(file: str) -> int:
    """Number in the name of a shard."""
    return int(file.removeprefix("shard-").partition(".")[0])


def _record(path: Path, raw: bytes) -> dict[str, Any]:
    """Parse an index whose checksum is correct; the content may still be malicious."""
    try:
        record = from_json(raw)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        given = record.get("format") if isinstance(record, dict) else record
        raise ValueError(f"{path}: format: {reprlib.repr(given)}, but this version reads {FORMAT}")
    if record.get("checksum") != hashlib.sha256(raw[SEAL:]).hexdigest():
        raise ValueError(f"{path}: damaged: its text does not have the checksum that it names")
    return record


def _take(path: Path, record: Mapping[str, Any], key: str, kind: type) -> Any:
    value = record.get(key)
    if type(value) is not kind:  # not isinstance: True is an int
        raise ValueError(f"{path}: {key}: {reprlib.repr(value)} is not a {kind.__name__}")
    return value


def _field(path: Path, name: str, part: Any) -> Field:
    if not isinstance(part, dict):
        raise ValueError(f"{path}: fields: {name}: {reprlib.repr(part)}")
    shape, dtype = _take(path, part, "shape", list), _take(path, part, "dtype", str)
    if not all(size is None or (type(size) is int and 0 <= size <= LARGEST) for size in shape):
        raise ValueError(f"{path}: fields: {name}: shape: {reprlib.repr(shape)}")
    try:
        if dtype != JSON:
            dtype_of(dtype)
    except ValueError as error:
        raise ValueError(f"{path}: fields: {name}: dtype: {error}") from error
    return Field(dtype, tuple(shape), _take(path, part, "units", str))


def _shard(path: Path, recipe: Recipe, part: Any) -> Shard:
    if not isinstance(part, dict) or not SHARD.fullmatch(str(part.get("file"))):
        raise ValueError(f"{path}: files: {reprlib.repr(part)} does not name a shard")
    file, size = part["file"], _take(path, part, "size", int)
    text, number = _take(path, part, "crc32", str), number_of(file)
    if number >= recipe.shards:
        raise ValueError(f"{path}: files: {file}: not {recipe.shards} shards in their order")
    samples = recipe.samples(number)
    count = samples.stop - samples.start  # len() has a limit
    if len(text) != 8 * count or not HEX.fullmatch(text):
        raise ValueError(f"{path}: {file}: crc32: not {count} checksums")
    given = part.get("sizes")
    sizes: list[Any] = given if isinstance(given, list) else [given] * count
    if len(sizes) != count or not all(type(n) is int and 0 < n <= size for n in sizes):
        raise ValueError(f"{path}: {file}: sizes: not {count} sizes in bytes")
    if sum(sizes) > size or size > LARGEST:
        raise ValueError(f"{path}: {file}: its samples are beyond the file's {size} bytes")
    crc32 = np.frombuffer(bytes.fromhex(text), ">u4").astype(np.uint32)
    return Shard(file, size, _take(path, part, "sha256", str), np.array(sizes, np.int64), crc32)


def _short(sizes: list[int]) -> list[int] | int:
    """Replace equal sizes by one number, which keeps the index at 8 characters per sample."""
    return sizes[0] if len(set(sizes)) == 1 else sizes
