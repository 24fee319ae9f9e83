"""``sciformer verify``: check all checksums of a folder of shards."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from sciformer.data.shards.dataset import check, read_fields
from sciformer.data.shards.index import INDEX, SHARD, key_of
from sciformer.data.shards.store import Folder
from sciformer.progress import track


def verify(folder: str) -> None:
    """Read a whole data set and compare it with its checksums.

    Args:
        folder: Folder written by ``simulate``: a path, or an address that fsspec supports.

    Raises:
        SystemExit: With code 2 after one line on stderr for each damaged sample or shard.
    """
    count = 0
    for line in damage(folder):
        count += 1
        sys.stderr.write(f"sciformer verify: error: {line}\n")
    if count:
        sys.exit(2)  # as after every bad input
    index = Folder(folder).index
    mib = sum(shard.size for shard in index.shards) / 2**20
    sys.stdout.write(
        f"{folder}: {index.recipe.count} samples in {len(index.shards)} shards are whole "
        f"({mib:.1f} MiB)\n"
    )


def damage(folder: str | Path) -> Iterator[str]:
    """Compare a data set with its checksums.

    Args:
        folder: Folder written by ``write_shards``: a path, or an address that fsspec supports.

    Yields:
        One line for each damaged sample or shard, naming it.
    """
    source = Folder(folder)
    shards = len(source.index.shards)
    for number in track(range(shards), "shards", shards):
        yield from _damage(source, number)
    if not source.remote:
        known = {shard.file for shard in source.index.shards}
        for path in sorted(Path(folder).iterdir()):
            if SHARD.fullmatch(path.name) and path.name not in known:
                yield f"{path}: no such shard in {INDEX}"


def _damage(source: Folder, number: int) -> Iterator[str]:
    shard, fields = source.index.shards[number], source.index.fields
    try:
        path = source.path(number)
    except ValueError as error:
        yield str(error)
        return
    samples = source.index.recipe.samples(number)
    rows = zip(samples, shard.offsets, shard.sizes, shard.crc32, strict=True)
    sound = True
    with path.open("rb") as file:
        for sample, offset, size, crc32 in rows:
            key = key_of(sample)
            where, raw = f"{source.name(number)}: sample {key}", bytearray(int(size))
            try:
                file.seek(offset)
                file.readinto(raw)
                check(raw, int(crc32), where)
                read_fields(raw, key, tuple(fields), fields, where)
            except (ValueError, OSError) as error:
                sound = False
                yield str(error) if isinstance(error, ValueError) else f"{where}: {error.strerror}"
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sound and sha256 != shard.sha256:
        yield (
            f"{source.name(number)}: damaged outside of its samples: sha256 {sha256}, "
            f"but {INDEX} has {shard.sha256}"
        )
