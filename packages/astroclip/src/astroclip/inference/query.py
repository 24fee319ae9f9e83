"""The query of a search, and the embedding bank to search."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple

import torch

import astroclip
from astroclip.data.batch import Galaxy
from astroclip.data.on_error import LeftOut, OnError
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
    """Query galaxy of a search.

    Args:
        name: Id of the galaxy.
        kind: Whether its image or its spectrum is the query.
        space: ``z``, shared by images and spectra, or ``h``, of one encoder.
        vector: Unit embedding in that space.
        row: Index in the bank, if the query is in it.
        galaxy: Image and spectrum, if the query is from a file.
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
        embeddings: Embeddings of all galaxies.
        about: Origin: checkpoint and hash of the weights.
        source: Images and spectra of the galaxies, if given.
    """

    embeddings: Embeddings
    about: dict[str, str]
    source: Source | None


def open_bank(
    path: str,
    files: Files | None = None,
    shards: str | None = None,
    space: Space = "z",
    on_error: OnError = "stop",
) -> Bank:
    """Read a bank of embeddings, or embed galaxies.

    Args:
        path: File of embeddings, or a checkpoint.
        files: Files of the galaxies.
        shards: Folder of shards of the galaxies.
        space: Which embeddings to read, ``h`` or ``z``.
        on_error: What to do with a galaxy that cannot be used, ``skip`` or ``stop``.

    Returns:
        The bank.

    Raises:
        ValueError: If one of the files cannot be read.
    """
    if Path(path).suffix in SUFFIXES and not Path(path).exists():
        raise ArgumentError("bank", f"{path}: no such file")
    given = files is not None or shards is not None
    wanted = given or Path(path).suffix not in SUFFIXES
    source = open_galaxies(files, shards, on_error) if wanted else None
    if Path(path).suffix in SUFFIXES:
        columns = tuple(f"{kind}_{space}" for kind in KINDS)
        return Bank(embedding_files.read(path, columns), embedding_files.read_about(path), source)
    assert source is not None
    run = open_run(path, astroclip.AstroCLIPModule)
    made = embedding_files.joined([*encoded(run.module, source, 256, on_error, LeftOut())])
    return Bank(made, dict(about(run)), source)


def ask(
    bank: Bank,
    query: str,
    of: Kind | None,
    number: int | None,
    checkpoint: str | None,
    space: Space = "z",
) -> Query:
    """Find the query by id, index or file.

    Args:
        bank: Bank of embeddings.
        query: Id or index of a galaxy of the bank, or a file.
        of: Whether to use image or spectrum; None takes the image if there is one.
        number: Index of the galaxy in a file of several.
        checkpoint: Network that embeds a file.
        space: Which embedding to use, ``h`` or ``z``.

    Returns:
        The query.

    Raises:
        ValueError: If the query is not found, or has no embedding of this kind.
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
    """A source with a single galaxy."""

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
