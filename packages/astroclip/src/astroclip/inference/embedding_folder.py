"""Folder of embeddings: written part by part, by any number of processes, resumed after a kill."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from astroclip.data.entry import Entry, Files, OnError
from astroclip.data.on_error import Bad, LeftOut
from astroclip.data.readers.arrow_rows import ARROW, PARQUET
from astroclip.data.readers.detect_format import HDF5_SUFFIXES
from astroclip.data.readers.files import files_of
from astroclip.data.readers.open import entries, open_source
from astroclip.data.source import Source, Subset
from astroclip.inference import embedding_files
from astroclip.inference.encode import encoded, open_galaxies
from sciformer.arguments import ArgumentError
from sciformer.files import check_writable, remove_leftovers, write_atomically
from sciformer.progress import progress
from sciformer.training.distributed.environment import Place

if TYPE_CHECKING:
    from astroclip.module import AstroCLIPModule

PART = 8192  # galaxies of a file: seconds of work, which a kill loses at most
BAD = "_bad.csv"
TABLES = (*HDF5_SUFFIXES, PARQUET, ARROW)  # suffixes of files of many galaxies
NAME, NONE = "part-{unit}-{number:05d}.parquet", "_part-{unit}-{number:05d}.parquet"
OURS = ("part-*.parquet", "_part-*.parquet", BAD)
GALAXIES, LEFT_OUT, BATCH, EACH = "galaxies", "left_out", "batch_size", "part"


class Unit(NamedTuple):
    """Galaxies that are opened together.

    Args:
        entry: Entry of ``--files``; None for shards.
        shards: Folder of shards.
    """

    entry: Entry | None
    shards: str | None = None

    @property
    def key(self) -> str:
        """Eight hexadecimal digits, a function of the names of the files."""
        said = json.dumps([self.entry, self.shards], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:8]

    @property
    def name(self) -> str:
        """Name for errors."""
        return self.shards or str(self.entry)


def units(
    files: Files | None, shards: str | None, kinds: Sequence[str] = ("image", "spectrum")
) -> list[Unit]:
    """Split the galaxies of ``--files`` and ``--shards`` into what can be opened by itself.

    Each entry of a list is; so is each file of a folder or a pattern, if all are tables and the
    first of them has all that the network embeds, so that none has to find its partner in another.

    Args:
        files: An entry, or a list of them.
        shards: Folder written by ``astroclip simulate``.
        kinds: What the network embeds.

    Returns:
        The units, in order.

    Raises:
        ValueError: If there is none.
    """
    found: list[Unit] = []
    for entry in entries(files):
        paths = _tables(entry, kinds) if isinstance(entry, str) else []
        found += [Unit(str(path)) for path in paths] or [Unit(entry)]
    found += [] if shards is None else [Unit(None, shards)]
    if not found:
        raise ValueError("files: neither --files nor --shards says where the galaxies are")
    return found


def _tables(entry: str, kinds: Sequence[str]) -> list[Path]:
    """Files of an entry, if each can be opened by itself; else none."""
    try:
        paths = files_of(entry)
        if len(paths) < 2 or any(path.suffix not in TABLES for path in paths):
            return []
        first = open_source(paths[0])
    except ValueError:
        return []  # whoever opens it says why
    there = {"image": first.images, "spectrum": first.spectra}
    return paths if all(there[kind] for kind in kinds) else []


def check_folder(out: str, overwrite: bool, here: Place) -> Path:
    """Check, before long work, that embeddings can be written to a folder; resume or append.

    Args:
        out: Value of ``--out``.
        overwrite: Remove the embeddings that are there.
        here: Place of this process.

    Returns:
        The folder.

    Raises:
        ValueError: If it is not writable, holds other files, or if several processes are to
            overwrite it.
    """
    folder = check_writable(out, "out")
    ours = {path for pattern in OURS for path in folder.glob(pattern)}
    others = [path.name for path in sorted(folder.iterdir()) if path not in ours]
    strange = [name for name in others if not name.startswith(".")]
    if strange:
        raise ValueError(f"out: {folder} holds {strange[0]}, which is no part of embeddings")
    if overwrite and here.world > 1:
        raise ValueError(f"overwrite: {here.world} processes cannot; remove {folder} before")
    for path in ours if overwrite else ():
        path.unlink()
    remove_leftovers(folder, "*part-*.parquet", BAD)
    return folder


class Survey:
    """Writes embeddings of many galaxies to a folder.

    Args:
        folder: The folder.
        module: Network in evaluation mode.
        about: Origin of the embeddings.
        batch_size: Galaxies per batch.
        part: Galaxies of a file.
        on_error: What to do with galaxies and files that cannot be used.

    Raises:
        ValueError: If the folder holds embeddings of another network.
    """

    def __init__(
        self,
        folder: Path,
        module: "AstroCLIPModule",
        about: Mapping[str, str],
        batch_size: int,
        part: int,
        on_error: OnError,
    ) -> None:
        self.folder, self.module, self.part = folder, module, part
        self.batch_size = batch_size
        self.on_error: OnError = on_error
        self.about = {**about, BATCH: str(batch_size), EACH: str(part)}
        for path in sorted(folder.glob("*part-*.parquet"))[:1]:
            theirs = embedding_files.read_about(path).get("weights")
            if theirs != about["weights"]:
                said = f"made by weights {theirs}, those of the network are {about['weights']}"
                raise ValueError(f"out: {path}: {said}")
        self.tell = LeftOut()

    def write(self, units: Sequence[Unit], here: Place) -> str:
        """Write this process's share of the parts, except those that are there.

        Args:
            units: All galaxies.
            here: Place of this process.

        Returns:
            What was done, on one line.

        Raises:
            ValueError: If a galaxy cannot be used, or if a unit has other galaxies than its parts.
        """
        wanted: list[tuple[str, int]] = []
        done = 0
        for turn, unit in enumerate(units):
            source = self._opened(unit, alone=len(units) == 1)
            count = 1 if isinstance(source, str) else -(-len(source) // self.part)
            wanted += [(unit.key, number) for number in range(count)]
            mine = [n for n in range(count) if (n + turn) % here.world == here.rank]
            done += self._write_unit(unit, source, mine)
        found = [path for key, number in wanted if (path := self._path(key, number))]
        said = f"{self.folder}: {done} galaxies embedded"
        said += f" by process {here.rank} of {here.world}" if here.world > 1 else ""
        if len(found) < len(wanted):
            return f"{said}; {len(wanted) - len(found)} of {len(wanted)} parts are not there yet"
        bad = self._list_bad()
        rows = sum(pq.read_metadata(path).num_rows for path in self.folder.glob("part-*.parquet"))
        told = f", {bad} left out ({BAD} lists them)" if bad else ""
        return f"{said}; {rows} are there{told}"

    def _opened(self, unit: Unit, alone: bool) -> Source | str:
        """Galaxies of a unit; of one that cannot be opened and is skipped, why."""
        try:
            if unit.entry is None:
                return open_galaxies(None, unit.shards, self.on_error)
            return open_galaxies(unit.entry, None, self.on_error)
        except ArgumentError as error:
            if alone or self.on_error != "skip" or isinstance(error.__cause__, ArgumentError):
                raise
            return error.reason

    def _write_unit(self, unit: Unit, source: Source | str, mine: Sequence[int]) -> int:
        """Write parts of a unit; returns the number of galaxies embedded."""
        if isinstance(source, str):
            about = {**self.about, GALAXIES: "none"}
            for number in mine if not self._there(unit, 0, about) else ():
                self.tell(Bad(unit.name, source))
                self._write_none(unit.key, number, about, [Bad(unit.name, source)])
            return 0
        about = {**self.about, GALAXIES: fingerprint(source)}
        if source.classes:
            about[embedding_files.CLASSES] = json.dumps({**source.classes}, default=list)
        positions, done = source.positions(), 0
        with progress(f"embedding {unit.name}", len(source)) as show:
            for number in mine:
                numbers = range(number * self.part, min((number + 1) * self.part, len(source)))
                if not self._there(unit, number, about):
                    done += self._write_part(
                        unit.key, number, Subset(source, numbers, positions), about
                    )
                show(numbers.stop)
        return done

    def _write_part(self, key: str, number: int, source: Source, about: Mapping[str, str]) -> int:
        bad: list[Bad] = []

        def tell(each: Bad) -> None:
            self.tell(each)
            bad.append(each)

        made = [*encoded(self.module, source, self.batch_size, self.on_error, tell)]
        if not made:
            self._write_none(key, number, about, bad)
            return 0
        path = self.folder / NAME.format(unit=key, number=number)
        embedding_files.write(path, made, {**about, LEFT_OUT: json.dumps(bad)})
        return len(source) - len(bad)

    def _write_none(
        self, key: str, number: int, about: Mapping[str, str], bad: Sequence[Bad]
    ) -> None:
        """Write a part without galaxies, which readers of a folder do not see."""
        said = json.dumps({**about, LEFT_OUT: json.dumps(bad)})
        table = pa.table({embedding_files.ID: pa.array([], pa.string())})
        table = table.replace_schema_metadata({embedding_files.ABOUT: said})
        path = self.folder / NONE.format(unit=key, number=number)
        write_atomically(path, lambda beside: pq.write_table(table, beside))

    def _path(self, key: str, number: int) -> Path | None:
        """Path of a part that is there."""
        paths = [self.folder / name.format(unit=key, number=number) for name in (NAME, NONE)]
        return next((path for path in paths if path.exists()), None)

    def _there(self, unit: Unit, number: int, about: Mapping[str, str]) -> bool:
        """Whether a part is there, after checking that it is of the same galaxies and settings."""
        path = self._path(unit.key, number)
        if path is None:
            return False
        found = embedding_files.read_about(path)
        for key in ("weights", GALAXIES, BATCH, EACH):
            if found.get(key) != about[key]:
                said = f"{path}: {key} {found.get(key)}, but now {about[key]}"
                raise ValueError(f"{unit.name}: {said}; --overwrite begins anew")
        return True

    def _list_bad(self) -> int:
        """Write the list of galaxies that were left out; returns their number."""
        bad = [row for path in sorted(self.folder.glob("*part-*.parquet")) for row in _bad_of(path)]
        said = io.StringIO()
        csv.writer(said, lineterminator="\n").writerows([("id", "reason"), *bad])
        write_atomically(self.folder / BAD, lambda beside: beside.write_text(said.getvalue()))
        return len(bad)


def _bad_of(path: Path) -> Iterator[tuple[str, str]]:
    try:
        rows: Any = json.loads(embedding_files.read_about(path).get(LEFT_OUT, "[]"))
        yield from ((str(id), str(reason)) for id, reason in rows)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {LEFT_OUT}: not a list of ids and reasons") from error


def fingerprint(source: Source) -> str:
    """Number of galaxies, and a hash of their ids in order."""
    digest = hashlib.sha256()
    for number in range(len(source)):
        digest.update(source.id(number).encode() + b"\n")
    return f"{len(source)} {digest.hexdigest()[:16]}"
