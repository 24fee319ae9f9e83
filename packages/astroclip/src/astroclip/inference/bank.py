"""Bank of embeddings of which only what is asked for is read: columns, rows, blocks of vectors."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from astroclip.inference import embedding_files
from astroclip.inference.bank_columns import (
    Arrays,
    Parquet,
    Part,
    Rows,
    as_numpy,
    open_parts,
    places_of,
)
from astroclip.inference.embedding_files import (
    CLASSES,
    COVERAGE,
    ID,
    NPZ,
    POSITION,
    RESERVED,
    SUFFIXES,
    VECTORS,
    Embeddings,
)
from sciformer.data.npy import names_of
from sciformer.data.open_files import OpenFiles
from sciformer.data.parquet import open_parquet

PARTS = "[!._]*.parquet"  # files of a folder that hold galaxies
OWN = (CLASSES, "galaxies", "left_out")  # origins that are of one file alone


class Bank:
    """Embeddings of a file, of all files of a folder, or in memory.

    Args:
        path: ``.parquet`` or ``.npz`` file, or folder, written by ``astroclip embed``.
        embeddings: Embeddings in memory, for which ``path`` is a name.
        about: Their origin.

    Raises:
        ValueError: If the path does not exist, is damaged or of another kind, or if the files of a
            folder are of different networks.
    """

    def __init__(
        self,
        path: str | Path,
        embeddings: Embeddings | None = None,
        about: Mapping[str, str] | None = None,
    ) -> None:
        self.path = Path(path)
        self.parts: list[Part] = []
        if embeddings is not None:
            self.parts.append(Arrays(self.path, embedding_files.columns_of(embeddings)))
            self.words = [dict(embeddings.classes)]
            self.about = dict(about or {})
        else:
            files = OpenFiles(open_parts)
            paths = paths_of(self.path)
            self.parts += (Arrays(p) if p.suffix == NPZ else Parquet(p, files) for p in paths)
            self.words = [embedding_files.classes_of(each) for each in paths]
            self.about = origin(paths)
        widths = self._widths()
        self.vectors = {name: widths[name] for name in VECTORS if name in widths}
        self.labels = tuple(name for name in widths if name not in RESERVED)
        self.has_positions = all(name in widths for name in POSITION)
        self.starts = np.cumsum([0, *(part.count for part in self.parts)])

    def _widths(self) -> dict[str, int]:
        """Widths of all columns, after checking that the parts fit together."""
        first = self.parts[0]
        for part in self.parts:
            own = [{n: w for n, w in p.widths.items() if n in VECTORS} for p in (part, first)]
            if ID not in part.widths or not own[0]:
                needed = f"{ID} and one of {', '.join(VECTORS)} are needed"
                raise ValueError(f"{part.path}: no embeddings: {needed}")
            if own[0] != own[1]:
                raise ValueError(f"{part.path}: vectors {own[0]}, those of {first.path}: {own[1]}")
        return {name: width for part in self.parts for name, width in part.widths.items()}

    def __len__(self) -> int:
        return int(self.starts[-1])

    @cached_property
    def classes(self) -> dict[str, list[str]]:
        """Label -> names of the classes that it numbers, of all parts."""
        names = dict.fromkeys(name for words in self.words for name in words)
        if len(self.words) == 1:
            return {name: list(self.words[0][name]) for name in names}
        every = {n: {w for words in self.words for w in words.get(n, ())} for n in names}
        return {name: sorted(words) for name, words in every.items()}

    def blocks(self, name: str) -> Iterator[Float32[np.ndarray, "rows dim"]]:
        """Yield all vectors of a name, in order, some at a time."""
        for part in self.parts:
            for _, found in part.scan([name]):
                yield np.asarray(as_numpy(found[name]), np.float32)

    def take(self, names: Sequence[str], rows: Sequence[int]) -> dict[str, np.ndarray]:
        """Read columns of some galaxies.

        Args:
            names: Names of columns; of labels that a file lacks the values are NaN.
            rows: Indices of galaxies, in any order.

        Returns:
            Name -> values.
        """
        order, back = np.unique(np.asarray(rows, np.int64), return_inverse=True)
        return {name: values[back] for name, values in self._read(names, order).items()}

    def column(self, name: str) -> np.ndarray:
        """Read one column of all galaxies."""
        return self._read([name], None)[name]

    def _read(self, names: Sequence[str], rows: Rows | None) -> dict[str, np.ndarray]:
        found: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for number, (part, start) in enumerate(zip(self.parts, self.starts[:-1], strict=True)):
            own = None if rows is None else rows[(rows >= start) & (rows < start + part.count)]
            if own is not None and not len(own):
                continue
            there = [name for name in names if name in part.widths]
            some = [
                columns for _, columns in part.scan(there, None if own is None else own - start)
            ]
            count = part.count if own is None else len(own)
            for name in names:
                values = [as_numpy(columns[name]) for columns in some] if name in there else []
                whole = np.concatenate(values) if values else np.full(count, np.nan, np.float32)
                found[name].append(self._numbered(number, name, whole))
        return {name: np.concatenate(each) if each else np.empty(0) for name, each in found.items()}

    def _numbered(self, part: int, name: str, values: np.ndarray) -> np.ndarray:
        """Numbers of classes, of which each part may have others, as those of all."""
        words = self.words[part].get(name)
        if words is None or list(words) == self.classes[name]:
            return values
        to = np.array([self.classes[name].index(word) for word in words], np.float32)
        known = (values >= 0) & (values < len(to)) & (values % 1 == 0)
        return np.where(known, to[np.where(known, values, 0).astype(int)], np.nan)

    def ids(self, rows: Sequence[int]) -> list[str]:
        """Ids of some galaxies."""
        return [str(id) for id in self.take([ID], rows)[ID].tolist()]

    def rows_of(self, ids: Sequence[str]) -> dict[str, int]:
        """Find galaxies by id: id -> row of the first with it, without those that are not there."""
        found: dict[str, int] = {}
        for part, offset in zip(self.parts, self.starts[:-1].tolist(), strict=True):
            for start, columns in part.scan([ID]):
                for row in places_of(columns[ID], ids).tolist():
                    found.setdefault(str(columns[ID][row]), offset + start + row)
        return found

    @cached_property
    def positions(self) -> Float64[np.ndarray, "galaxies 2"] | None:
        """Right ascension and declination of all galaxies in degrees; None if none has one."""
        if not self.has_positions:
            return None
        return np.stack([self.column(name).astype(np.float64) for name in POSITION], 1)

    def whole(self, vectors: Sequence[str] = VECTORS) -> Embeddings:
        """Read all galaxies into memory, with the vectors of these names."""
        names = [ID, *self.labels, *(name for name in self.vectors if name in vectors)]
        shares = [COVERAGE] if any(COVERAGE in part.widths for part in self.parts) else []
        found = self._read([*names, *shares], None)
        return Embeddings(
            [str(id) for id in found[ID].tolist()],
            {name: found[name].astype(np.float32) for name in self.labels},
            self.positions,
            {name: found[name] for name in names if name in VECTORS},
            self.classes,
            found[COVERAGE].astype(np.float32) if shares else None,
        )


def paths_of(path: Path) -> list[Path]:
    """Files of a bank: itself, or the parts of a folder, sorted by name.

    Args:
        path: A file or a folder.

    Returns:
        At least one file.

    Raises:
        ValueError: If it does not exist, or a folder holds none.
    """
    if not path.is_dir():
        embedding_files.check_name(path)
        if not path.is_file():
            raise ValueError(f"{path}: no such file")
        return [path]
    found = sorted(path.glob(PARTS))
    if not found:
        raise ValueError(f"{path}: a folder without parquet files of embeddings")
    return found


def read_bank(path: str | Path) -> Embeddings:
    """Read all galaxies of a file, of which an npz is mapped, or of a folder."""
    return Bank(path).whole() if Path(path).is_dir() else embedding_files.read(path)


def read_about(path: str | Path) -> dict[str, str]:
    """Origin of a file or a folder of embeddings; see ``origin``."""
    return origin(paths_of(Path(path)))


def is_bank(path: Path) -> bool:
    """Whether a path is a file of embeddings by its name and columns, or a folder of them."""
    if path.is_dir():
        return any(path.glob(PARTS))
    if path.suffix not in SUFFIXES or not path.is_file():
        return False
    if path.suffix == NPZ:
        names = names_of(path)
    else:
        with open_parquet(path) as file:
            names = file.schema_arrow.names
    return ID in names and bool({*names} & {*VECTORS})


def origin(paths: Sequence[Path]) -> dict[str, str]:
    """Origin that the files of a bank have in common.

    Args:
        paths: Files of embeddings.

    Returns:
        What all of them say.

    Raises:
        ValueError: If they are of different networks.
    """
    first = embedding_files.read_about(paths[0])
    for path in paths[1:]:
        other = embedding_files.read_about(path)
        if other.get("weights") != first.get("weights"):
            ours, theirs = first.get("weights"), other.get("weights")
            raise ValueError(f"{path}: made by weights {theirs}, {paths[0]} by {ours}")
        first = {key: value for key, value in first.items() if other.get(key) == value}
    return {key: value for key, value in first.items() if key not in OWN}
