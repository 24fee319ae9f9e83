"""Files of embeddings: parquet or npz, written in pieces, read without copying."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32, Float64

from astroclip.inference.npz_memmap import Member, write_members
from sciformer.data.npy import map_arrays, names_of
from sciformer.data.open_files import reading
from sciformer.data.parquet import open_parquet, texts
from sciformer.files import write_atomically
from sciformer.strict_json import from_json
from sciformer.text import reason

KINDS = ("image", "spectrum")
VECTORS = tuple(f"{kind}_{part}" for kind in KINDS for part in ("h", "z"))
ID, POSITION, COVERAGE, ABOUT = "id", ("ra", "dec"), "coverage", "about"
CLASSES = "classes"  # in the origin: label -> names of the classes that it numbers, as JSON
RESERVED = frozenset((ID, *POSITION, COVERAGE, ABOUT, *VECTORS))  # every other column is a label
NPZ, PARQUET = ".npz", ".parquet"
SUFFIXES = (PARQUET, NPZ)
GROUP = 1024  # galaxies of a row group at least; all that is in memory while a file is written
LARGEST = 16_384  # galaxies of a row group at most; a part may have more


class Embeddings(NamedTuple):
    """Embeddings of galaxies, one row each.

    Args:
        ids: Ids of the galaxies.
        labels: Name -> values, NaN where unknown.
        positions: Right ascension and declination in degrees; None if the source has none.
        vectors: ``image_h``, ``image_z``, ``spectrum_h`` and ``spectrum_z``, as far as available: h
            is the output of an encoder, z the embedding in the shared space.
        classes: Label -> names of the classes that it numbers.
        coverage: Share of the survey's pixels that each spectrum measured; None without spectra.
    """

    ids: Sequence[str]
    labels: Mapping[str, Float32[np.ndarray, " galaxies"]]
    positions: Float64[np.ndarray, "galaxies 2"] | None
    vectors: Mapping[str, Float32[np.ndarray, "galaxies dim"]]
    classes: Mapping[str, Sequence[str]] = {}
    coverage: Float32[np.ndarray, " galaxies"] | None = None

    def rows(self, chosen: Sequence[int]) -> "Embeddings":
        """Select galaxies."""
        at = np.asarray(chosen, np.int64)
        numbers: list[int] = at.tolist()
        return Embeddings(
            [self.ids[row] for row in numbers],
            {name: values[at] for name, values in self.labels.items()},
            None if self.positions is None else self.positions[at],
            {name: values[at] for name, values in self.vectors.items()},
            self.classes,
            None if self.coverage is None else self.coverage[at],
        )

    def followed_by(self, others: "Embeddings") -> "Embeddings":
        """Append galaxies: embeddings that both have, and own labels, unknown where others lack."""
        none = np.full(len(others.ids), np.nan, np.float32)
        labels, there = self.labels.items(), others.labels
        vectors = [name for name in self.vectors if name in others.vectors]
        return Embeddings(
            [*self.ids, *others.ids],
            {name: np.concatenate([v, there.get(name, none)]) for name, v in labels},
            None,
            {name: np.concatenate([self.vectors[name], others.vectors[name]]) for name in vectors},
            self.classes,
        )


def joined(parts: Sequence[Embeddings]) -> Embeddings:
    """Concatenate embeddings that have the same columns."""
    first = parts[0]
    positions = [part.positions for part in parts if part.positions is not None]
    shares = [part.coverage for part in parts if part.coverage is not None]
    return Embeddings(
        [id for part in parts for id in part.ids],
        {name: np.concatenate([part.labels[name] for part in parts]) for name in first.labels},
        None if first.positions is None else np.concatenate(positions),
        {name: np.concatenate([part.vectors[name] for part in parts]) for name in first.vectors},
        first.classes,
        None if first.coverage is None else np.concatenate(shares),
    )


def check_name(path: str | Path) -> Path:
    """Check that a file name has the suffix of a known format.

    Args:
        path: File name.

    Returns:
        The same name.

    Raises:
        ValueError: If it does not.
    """
    if Path(path).suffix not in SUFFIXES:
        raise ValueError(f"{path}: embeddings are in files that end in {' or '.join(SUFFIXES)}")
    return Path(path)


def write(path: str | Path, parts: Iterable[Embeddings], about: Mapping[str, str]) -> None:
    """Write embeddings in pieces; the file appears when it is complete.

    Args:
        path: Output file, ``.parquet`` or ``.npz``.
        parts: Pieces with the same columns; none is kept in memory.
        about: Origin of the embeddings, stored in the file.

    Raises:
        ValueError: For another suffix, or if there are no galaxies.
    """
    writer = _write_npz if check_name(path).suffix == NPZ else _write_parquet
    write_atomically(path, lambda beside: writer(beside, _grouped(parts), json.dumps(dict(about))))


def read(path: str | Path, vectors: Sequence[str] = VECTORS) -> Embeddings:
    """Read embeddings; those of an uncompressed npz are memory-mapped.

    Args:
        path: File written by ``write``.
        vectors: Names of the embeddings to read; those that the file lacks are omitted.

    Returns:
        All galaxies.

    Raises:
        ValueError: If the file does not exist, is damaged or is of another kind.
    """
    path = _there(path)
    columns = _read_npz(path, vectors) if path.suffix == NPZ else _read_parquet(path, vectors)
    if ID not in columns or not set(columns) & set(VECTORS):
        raise ValueError(f"{path}: no embeddings: {ID} and one of {', '.join(VECTORS)} are needed")
    widths_of(path, columns)
    known = all(name in columns for name in POSITION)
    with reading(path, ID):  # damaged letters
        ids = [str(id) for id in columns[ID].tolist()]
    return Embeddings(
        ids,
        {name: v.astype(np.float32) for name, v in columns.items() if name not in RESERVED},
        np.stack([columns[name] for name in POSITION], 1).astype(np.float64) if known else None,
        {name: columns[name] for name in VECTORS if name in columns},
        classes_of(path),
        columns[COVERAGE].astype(np.float32) if COVERAGE in columns else None,
    )


def widths_of(path: Path, columns: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Widths of columns, 0 of single values; a ``ValueError`` names one that does not fit."""
    count = columns[ID].size if ID in columns else 0
    for name, values in columns.items():
        if values.shape[:1] != (count,) or values.ndim != (2 if name in VECTORS else 1):
            raise ValueError(f"{path}: {name}: shape {values.shape} for {count} galaxies")
        if values.dtype.kind not in ("USO" if name == ID else "fiub"):
            raise ValueError(f"{path}: {name}: dtype {values.dtype}")
    return {name: values.shape[1] if values.ndim == 2 else 0 for name, values in columns.items()}


def read_about(path: str | Path) -> dict[str, str]:
    """Origin of a file of embeddings.

    Args:
        path: File of embeddings.

    Returns:
        Origin by key; empty if the file has none.

    Raises:
        ValueError: If the file does not exist or is damaged.
    """
    path = _there(path)
    if path.suffix == NPZ:
        found = str(map_arrays(path, [ABOUT])[ABOUT]) if ABOUT in names_of(path) else "{}"
    else:
        with open_parquet(path) as file:
            metadata = file.schema_arrow.metadata or {}
            found = metadata.get(ABOUT.encode(), b"{}").decode(errors="replace")
    try:
        return {str(name): str(value) for name, value in dict(from_json(found)).items()}
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {ABOUT}: {reason(error)}") from error


def classes_of(path: Path) -> dict[str, list[str]]:
    """Names of the classes that labels number."""
    said = read_about(path).get(CLASSES, "{}")
    try:
        return {str(name): [str(word) for word in words] for name, words in from_json(said).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {CLASSES}: {reason(error)}") from error


def _there(path: str | Path) -> Path:
    path = check_name(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    return path


def _grouped(parts: Iterable[Embeddings]) -> Iterator[Embeddings]:
    """Regroup into parts of about ``GROUP`` rows."""
    waiting: list[Embeddings] = []
    for part in parts:
        waiting.append(part)
        if sum(len(each.ids) for each in waiting) >= GROUP:
            yield joined(waiting)
            waiting = []
    if waiting:
        yield joined(waiting)


def columns_of(part: Embeddings) -> dict[str, np.ndarray]:
    """Columns of a file: name -> values."""
    found = {ID: np.array(part.ids, dtype=np.str_)}
    if part.positions is not None:
        found |= dict(zip(POSITION, part.positions.T, strict=True))
    if part.coverage is not None:
        found[COVERAGE] = part.coverage
    return found | dict(part.labels) | dict(part.vectors)


def _write_parquet(path: Path, parts: Iterator[Embeddings], about: str) -> None:
    writer = None
    try:
        for part in parts:
            table = pa.table({name: _arrow(values) for name, values in columns_of(part).items()})
            if writer is None:
                fields = [field.with_nullable(field.name not in VECTORS) for field in table.schema]
                schema = pa.schema(fields, {ABOUT: about})
                writer = pq.ParquetWriter(path, schema, compression="NONE", use_dictionary=False)
            writer.write_table(
                table.cast(writer.schema), row_group_size=min(len(part.ids), LARGEST)
            )
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise ValueError("no galaxy is left to embed")


def _arrow(values: np.ndarray) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values.tolist() if values.dtype.kind == "U" else values)
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    number = pa.field("element", flat.type, nullable=False)  # which is read a third faster
    return pa.FixedSizeListArray.from_arrays(flat, type=pa.list_(number, values.shape[1]))


def _read_parquet(path: Path, vectors: Sequence[str]) -> dict[str, np.ndarray]:
    with open_parquet(path, mapped=True) as file, reading(path, "damaged"):
        left_out = set(VECTORS) - set(vectors)
        names = [name for name in file.schema_arrow.names if name not in left_out]
        table = file.read(names)
        return {name: to_numpy(table[name].combine_chunks()) for name in names}


def to_numpy(column: pa.Array) -> np.ndarray:
    """Array of a column of numbers, of vectors or of text."""
    if pa.types.is_fixed_size_list(column.type):
        return column.flatten().to_numpy().reshape(len(column), column.type.list_size)
    if pa.types.is_dictionary(column.type):
        return np.array(texts(column), object)  # and not as wide as the longest of them
    return column.to_numpy(zero_copy_only=False)


def _write_npz(path: Path, parts: Iterator[Embeddings], about: str) -> None:
    members: dict[str, Member] = {}
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.", dir=path.parent) as folder:
        files: dict[str, BinaryIO] = {}
        try:
            for part in parts:
                for name, values in columns_of(part).items():
                    if name not in files:
                        files[name] = (Path(folder) / str(len(files))).open("w+b")
                        members[name] = Member(files[name])
                    members[name].append(values)
            if not members:
                raise ValueError("no galaxy is left to embed")
            write_members(path, members, {ABOUT: np.array(about)})
        finally:
            for file in files.values():
                file.close()


def _read_npz(path: Path, vectors: Sequence[str]) -> dict[str, np.ndarray]:
    left_out = {ABOUT, *VECTORS} - set(vectors)
    return map_arrays(path, [name for name in names_of(path) if name not in left_out])
