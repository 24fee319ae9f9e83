"""Columns of one file of a bank: blocks of them, or rows, without reading the rest."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Int64, Shaped

from astroclip.inference import embedding_files
from astroclip.inference.embedding_files import ID, VECTORS
from sciformer.data.npy import map_arrays, names_of
from sciformer.data.open_files import OpenFiles, reading
from sciformer.data.parquet import open_parquet

BLOCK = 16_384  # galaxies in memory at once
GROUPS = 16  # row groups that are read together, as memory grows with their number
BUFFER = 2**20  # bytes that are read at once

Rows = Int64[np.ndarray, " rows"]
Groups = Int64[np.ndarray, " groups"]
Columns = Mapping[str, Shaped[np.ndarray, "rows ..."] | pa.Array]


class Arrays:
    """Columns of an ``.npz`` file, mapped block by block; or of embeddings in memory.

    Args:
        path: The file, or a name for errors.
        columns: Columns in memory; None maps those of the file.

    Raises:
        ValueError: If the file does not exist or is damaged.
    """

    def __init__(self, path: Path, columns: Columns | None = None) -> None:
        self.path, self.own = path, columns
        known = columns if columns is not None else map_arrays(path, names_of(path))
        named = {name: known[name] for name in known if name != embedding_files.ABOUT}
        self.widths = embedding_files.widths_of(path, named)
        self.count = known[ID].size if ID in known else 0

    def scan(self, names: Sequence[str], rows: Rows | None = None) -> Iterator[tuple[int, Columns]]:
        """Yield blocks of columns, each with its first row.

        If ``rows`` (ascending) are given, the blocks hold these alone; first rows are not right.
        """
        for start in range(0, self.count, BLOCK):
            stop = min(start + BLOCK, self.count)
            chosen: slice | Rows = slice(start, stop)
            if rows is not None:
                chosen = rows[np.searchsorted(rows, start) : np.searchsorted(rows, stop)]
                if not len(chosen):
                    continue
            # Mapped anew, as pages of a mapping count as memory until it ends.
            mapped = map_arrays(self.path, names, checked=True) if self.own is None else self.own
            yield start, {name: mapped[name][chosen] for name in names}


class Parquet:
    """Columns of a parquet file, decoded block by block.

    Args:
        path: The file.
        files: Open files, shared by all parts of a bank.

    Raises:
        ValueError: If the file does not exist or is damaged.
    """

    def __init__(self, path: Path, files: OpenFiles[Path, pq.ParquetFile]) -> None:
        self.path, self.files = path, files
        metadata, schema = files[path].metadata, files[path].schema_arrow
        groups = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self.edges = np.cumsum([0, *groups])
        self.count, self.widths = int(self.edges[-1]), {}
        for field in schema:
            listed = pa.types.is_fixed_size_list(field.type)
            kind = field.type.value_type if listed else field.type
            text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
            number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
            fits = text if field.name == ID else number or pa.types.is_boolean(kind)
            if not fits or listed != (field.name in VECTORS):
                raise ValueError(f"{path}: {field.name}: {field.type}")
            self.widths[field.name] = field.type.list_size if listed else 0

    def scan(self, names: Sequence[str], rows: Rows | None = None) -> Iterator[tuple[int, Columns]]:
        """See ``Arrays``."""
        groups = np.arange(len(self.edges) - 1)
        if rows is not None:
            groups = np.unique(np.searchsorted(self.edges, rows, "right") - 1)
        for some in np.split(groups, range(GROUPS, len(groups), GROUPS)) if len(groups) else ():
            yield from self._scan(names, some, rows)

    def _scan(
        self, names: Sequence[str], groups: Groups, rows: Rows | None
    ) -> Iterator[tuple[int, Columns]]:
        """Yield blocks of some row groups."""
        before = np.cumsum([0, *np.diff(self.edges)[groups]])
        if rows is not None:
            at = np.searchsorted(self.edges, rows, "right") - 1
            rows, at = rows[np.isin(at, groups)], at[np.isin(at, groups)]
            place = np.searchsorted(groups, at)
            rows = rows - self.edges[at] + before[place]
        start, first = 0, int(self.edges[groups[0]])
        with reading(self.path, "damaged"):
            batches = self.files[self.path].iter_batches(BLOCK, groups.tolist(), list(names))
        while True:
            with reading(self.path, "damaged"):
                batch = next(batches, None)
                if batch is None:
                    return
                count = batch.num_rows
                if rows is not None:
                    inside = np.searchsorted(rows, [start, start + count])
                    batch = batch.take(pa.array(rows[slice(*inside)] - start))
                found = {name: batch.column(name) for name in names}
            yield first + start, found
            start += count


Part = Arrays | Parquet


def as_numpy(values: np.ndarray | pa.Array) -> np.ndarray:
    """Array of a column."""
    return values if isinstance(values, np.ndarray) else embedding_files.to_numpy(values)


def places_of(texts: np.ndarray | pa.Array, wanted: Sequence[str]) -> Rows:
    """Where any of the wanted texts is."""
    if not isinstance(texts, np.ndarray):
        known = pa.array(dict.fromkeys(wanted), texts.type)
        there = pc.is_in(texts, known)  # pyright: ignore[reportAttributeAccessIssue]
        return np.flatnonzero(there.to_numpy(zero_copy_only=False))
    words = np.array(list(wanted), np.str_)
    if texts.dtype.kind != "U" or not texts.itemsize or not words.itemsize:
        return np.flatnonzero(np.isin(texts.astype(np.str_), words))
    words = words[np.strings.str_len(words) <= texts.itemsize // 4].astype(texts.dtype)
    hashes = _hashed(texts), _hashed(words)  # comparing texts themselves is slow
    near = np.flatnonzero(np.isin(*hashes))
    return near[np.isin(texts[near], words)]


def _hashed(texts: np.ndarray) -> np.ndarray:
    letters = np.ascontiguousarray(texts).view(np.uint32)
    letters = letters.reshape(len(texts), texts.dtype.itemsize // 4)
    factors = np.uint64(0x9E3779B97F4A7C15) ** np.arange(1, letters.shape[1] + 1, dtype=np.uint64)
    return letters.astype(np.uint64) @ factors


def open_parts(path: Path) -> pq.ParquetFile:
    """Open a parquet file that is read in pieces."""
    return open_parquet(path, buffer=BUFFER)
