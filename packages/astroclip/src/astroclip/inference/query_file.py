"""Queries from files of embeddings, or of galaxies, which a network embeds first."""

from pathlib import Path

import astroclip
from astroclip.data.source import Subset
from astroclip.inference.bank import Bank, is_bank
from astroclip.inference.encode import encoded, open_galaxies, weights_hash
from astroclip.inference.query import Kind, Query, Space, chosen, kind_of, unit
from sciformer.evaluation.run import open_run


def of_file(
    bank: Bank, path: str, of: Kind | None, number: int | None, checkpoint: str | None, space: Space
) -> list[Query]:
    """Take the galaxies of a file as queries.

    Args:
        bank: Bank of embeddings.
        path: File of embeddings, or of galaxies.
        of: Whether to use image or spectrum; None takes the image if there is one.
        number: Index of the galaxy in a file of several; None takes all of them.
        checkpoint: Network that embeds galaxies.
        space: Which embedding to use, ``h`` or ``z``.

    Returns:
        The queries.

    Raises:
        ValueError: If it cannot be read, or is of another network than the bank.
    """
    if is_bank(Path(path)):
        return _of_embeddings(bank, path, of, number, space)
    if checkpoint is None:
        raise ValueError(f"query: {path}: --checkpoint must say what embeds a file")
    source = open_galaxies(path, None)
    numbers = chosen(list(range(len(source))), number, path)
    module = open_run(checkpoint, astroclip.AstroCLIPModule).module
    _same(bank, checkpoint, weights_hash(module))
    found: list[Query] = []
    for part in encoded(module, Subset(source, numbers)):
        kind = kind_of(part.vectors, of, path, space)
        vectors = unit(part.vectors[f"{kind}_{space}"])
        for id, vector in zip(part.ids, vectors, strict=True):
            found.append(Query(id, kind, space, vector, file=(path, numbers[len(found)])))
    return found


def _of_embeddings(
    bank: Bank, path: str, of: Kind | None, number: int | None, space: Space
) -> list[Query]:
    other = Bank(path)
    _same(bank, path, other.about.get("weights"))
    kind = kind_of(other.vectors, of, path, space)
    rows = chosen(list(range(len(other))), number, path)
    ids = other.ids(rows)
    vectors = unit(other.take([f"{kind}_{space}"], rows)[f"{kind}_{space}"])
    there = bank.rows_of(ids)
    return [
        Query(id, kind, space, vector, there.get(id))
        for id, vector in zip(ids, vectors, strict=True)
    ]


def _same(bank: Bank, path: str, ours: str | None) -> None:
    if ours != (theirs := bank.about.get("weights")):
        raise ValueError(f"{path}: has weights {ours}, those of the bank are {theirs}")
