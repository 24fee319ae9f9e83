"""Nearest neighbors of queries in a bank, exact or approximate."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from astroclip.inference.bank import Bank
from astroclip.inference.blockwise import search_blocks
from astroclip.inference.query import Kind, Query


class Answer(NamedTuple):
    """Nearest neighbors of a query.

    Args:
        query: The query.
        kind: Whether images or spectra were searched.
        cosine: Cosine similarity of each, descending.
        number: Index of each in the bank.
    """

    query: Query
    kind: Kind
    cosine: list[float]
    number: list[int]


def other(kind: Kind) -> Kind:
    """The other modality: image for spectrum, spectrum for image."""
    return "spectrum" if kind == "image" else "image"


def find(
    bank: Bank,
    queries: Sequence[Query],
    kind: Kind | None = None,
    k: int = 10,
    approximate: bool = False,
    tell: Callable[[str], object] = str,
) -> list[Answer]:
    """Find nearest neighbors in a bank, excluding each query's own embedding.

    Args:
        bank: Bank of embeddings.
        queries: Queries of the search.
        kind: Embeddings to search: image or spectrum; None is the other modality, or in the space h
            the same one.
        k: Number of neighbors.
        approximate: Search an index of compressed vectors.
        tell: Called with what an index cost, and its recall.

    Returns:
        The neighbors of each query.

    Raises:
        ValueError: If the bank lacks these embeddings, or has fewer than ``k``.
    """
    found: dict[int, Answer] = {}
    kinds: dict[Kind, None] = dict.fromkeys(query.kind for query in queries)
    for own in kinds:
        places = [place for place, query in enumerate(queries) if query.kind == own]
        some = [queries[place] for place in places]
        wanted = kind or (own if some[0].space == "h" else other(own))
        found |= zip(
            places, _found(bank, some, wanted, k, tell if approximate else None), strict=True
        )
    return [found[place] for place in range(len(queries))]


def _found(
    bank: Bank,
    queries: Sequence[Query],
    kind: Kind,
    k: int,
    tell: Callable[[str], object] | None,
) -> list[Answer]:
    """Answers to queries of one kind."""
    first = queries[0]
    if first.space == "h" and kind != first.kind:
        raise ValueError(f"kind: {kind}: in the space h the {first.kind} of a galaxy has no other")
    name = f"{kind}_{first.space}"
    if name not in bank.vectors:
        raise ValueError(f"kind: the bank has no {kind}; --kind {first.kind} looks for the same")
    if bank.vectors[name] != len(first.vector):
        widths = f"{len(first.vector)} numbers, those of the bank {bank.vectors[name]}"
        raise ValueError(f"query: {first.name}: its embedding has {widths}")
    itself = any(query.row is not None for query in queries) and kind == first.kind
    most = len(bank) - itself
    if not 1 <= k <= most:
        raise ValueError(f"k: {k} is not between 1 and {most}, the galaxies to choose from")
    vectors = np.stack([query.vector for query in queries])
    if tell is not None:
        from astroclip.inference.approximate import search_index  # an extra

        near, quality = search_index(vectors, bank, name, k + itself)
        tell(str(quality))
    else:
        near = search_blocks(vectors, bank.blocks(name), k + itself)
    answers = []
    for query, cosine, number in zip(
        queries, near.cosine.tolist(), near.number.tolist(), strict=True
    ):
        own = query.row if itself else None
        both = [(c, n) for c, n in zip(cosine, number, strict=True) if n != own][:k]
        answers.append(Answer(query, kind, [c for c, _ in both], [n for _, n in both]))
    return answers
