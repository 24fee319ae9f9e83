"""The query of a search, and the bank of embeddings to search."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple

import torch

import astroclip
from astroclip.data.batch import Galaxy
from astroclip.data.readers.open import Files
from astroclip.data.source import Source
from astroclip.inference import embedding_files
from astroclip.inference.embedding_files import KINDS, SUFFIXES, Embeddings
from astroclip.inference.encode import about, encoded, open_galaxies, weights_hash
from astroclip.inference.nearest import unit
from sciformer.arguments import ArgumentError
from sciformer.evaluation.run import open_run

Kind = Literal["image", "spectrum"]
Space = Literal["h", "z"]


class Query(NamedTuple):
    """The galaxy that a search starts from.

    Args:
        name: Its id.
        kind: Whether its image or its spectrum is the query.
        space: ``z``, shared by images and spectra, or ``h``, of one encoder.
        vector: Its embedding in that space, of norm 1.
        row: Its row in the bank, if it is in there.
        galaxy: Image and spectrum, if it is from a file.
    """

    name: str
    kind: Kind
    space: Space
    vector: torch.Tensor
    row: int | None = None
    galaxy: Galaxy | None = None


class Bank(NamedTuple):
    """Embedding bank to search.

    Args:
        embeddings: Of all galaxies.
        about: Checkpoint and hash of the weights that made them.
        source: Images and spectra of the galaxies, if they are given.
    """

    embeddings: Embeddings
    about: dict[str, str]
    source: Source | None


def open_bank(
    path: str, files: Files | None = None, shards: str | None = None, space: Space = "z"
) -> Bank:
    """Read a bank of embeddings, or embed galaxies.

    Args:
        path: Of embeddings, or of a checkpoint.
        files: Where the galaxies are.
        shards: Where they are.
        space: Which of the embeddings to read.

    Returns:
        The bank.

    Raises:
        ValueError: If it cannot be read.
    """
    if not Path(path).exists():
        raise ArgumentError("bank", f"{path}: no such file")
    given = files is not None or shards is not None
    source = open_galaxies(files, shards) if given or Path(path).suffix not in SUFFIXES else None
    if Path(path).suffix in SUFFIXES:
        columns = tuple(f"{kind}_{space}" for kind in KINDS)
        return Bank(embedding_files.read(path, columns), embedding_files.read_about(path), source)
    assert source is not None
    run = open_run(path, astroclip.AstroCLIPModule)
    made = embedding_files.joined(list(encoded(run.module, source)))
    return Bank(made, dict(about(run)), source)


def ask(
    bank: Bank,
    query: str,
    of: Kind | None,
    number: int | None,
    checkpoint: str | None,
    space: Space = "z",
) -> Query:
    """Find the query: an id, a file or a number of a galaxy.

    Args:
        bank: The bank.
        query: The id, file or number.
        of: Image or spectrum; None for the first that there is.
        number: Of the galaxy, in a file of several.
        checkpoint: The network that embeds a file.
        space: Space of the embedding.

    Returns:
        The query.

    Raises:
        ValueError: If it is none of these, or has nothing to look at.
    """
    ids, count = bank.embeddings.ids, len(bank.embeddings.ids)
    if query in ids:
        return _of_bank(bank, list(ids).index(query), of, space)
    if query and Path(query).exists():
        return _of_file(bank, query, of, number, checkpoint, space)
    if query.isdecimal() and int(query) < count:
        return _of_bank(bank, int(query), of, space)
    raise ValueError(f"query: {query!r} is no id of the bank, no file, no number below {count}")


def _of_bank(bank: Bank, row: int, of: Kind | None, space: Space) -> Query:
    vectors, name = bank.embeddings.vectors, bank.embeddings.ids[row]
    kind = _kind(vectors, of, name, space)
    return Query(name, kind, space, unit(vectors[f"{kind}_{space}"][row : row + 1]), row)


def _of_file(
    bank: Bank, path: str, of: Kind | None, number: int | None, checkpoint: str | None, space: Space
) -> Query:
    if checkpoint is None:
        raise ValueError(f"query: {path}: --checkpoint must say what embeds a file")
    source = open_galaxies(path, None)
    if number is None and len(source) > 1:
        raise ValueError(f"query: {path}: holds {len(source)} galaxies; --number says which")
    if not 0 <= (number or 0) < len(source):
        raise ValueError(f"number: {number} is not below {len(source)}, the galaxies of {path}")
    module = open_run(checkpoint, astroclip.AstroCLIPModule).module
    if (ours := weights_hash(module)) != (theirs := bank.about.get("weights")):
        raise ValueError(f"{checkpoint}: has weights {ours}, those of the bank are {theirs}")
    one = _One(source, number or 0)
    (made,) = encoded(module, one)
    kind = _kind(made.vectors, of, path, space)
    return Query(made.ids[0], kind, space, unit(made.vectors[f"{kind}_{space}"]), galaxy=one[0])


class _One(Source):
    """One galaxy of a source."""

    def __init__(self, source: Source, number: int) -> None:
        super().__init__(source.where, source.images, source.spectra, source.labels)
        self.source, self.number = source, number

    def __len__(self) -> int:
        return 1

    def id(self, number: int) -> str:
        return self.source.id(self.number + number)

    def place(self, number: int) -> str:
        return self.source.place(self.number + number)

    def read(self, number: int) -> Galaxy:
        return self.source.read(self.number + number)


def _kind(vectors: Collection[str], of: Kind | None, name: str, space: Space) -> Kind:
    there: list[Kind] = [kind for kind in ("image", "spectrum") if f"{kind}_{space}" in vectors]
    if not there or (of is not None and of not in there):
        raise ValueError(f"of: {name} has no {of or 'embedding'} to look at")
    return of or there[0]
