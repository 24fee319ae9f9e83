"""Queries that words name: ids, numbers or positions of galaxies of the bank, or files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from astroclip.data.readers.column_names import columns
from astroclip.data.readers.text_table import TEXTS, ids_of, plain, read_text
from astroclip.inference.bank import Bank
from astroclip.inference.query import (
    RADIUS,
    Kind,
    Query,
    Space,
    chosen,
    of_bank,
    position_of,
    rows_at,
)


def ask(
    bank: Bank,
    words: Sequence[str],
    of: Kind | None = None,
    number: int | None = None,
    checkpoint: str | None = None,
    space: Space = "z",
    radius: float = RADIUS,
    files: bool = True,
) -> list[Query]:
    """Find the queries that words name.

    Args:
        bank: Bank of embeddings.
        words: Each an id of the bank; a file of galaxies, of embeddings, or (``.csv``, ``.txt``) of
            ids or positions; a position such as ``150.1,2.2`` in degrees; or an index of the bank.
        of: Whether to use image or spectrum; None takes the image if there is one.
        number: Index of the galaxy in a file of several; None takes all of them.
        checkpoint: Network that embeds a file.
        space: Which embedding to use, ``h`` or ``z``.
        radius: Largest distance in arcsec of a galaxy from a position.
        files: Whether words may name files.

    Returns:
        The queries, in the order of the words.

    Raises:
        ValueError: If one is not found, or has no embedding of this kind.
    """
    known, found = bank.rows_of(words), list[int | tuple[float, float] | Query]()
    for word in words:
        position = position_of(word)
        if word in known:
            found.append(known[word])
        elif files and Path(word).suffix in TEXTS and Path(word).is_file():
            found += chosen(_listed(bank, Path(word)), number, word)
        elif files and word and Path(word).exists():
            from astroclip.inference.query_file import of_file  # torch: a second

            found += of_file(bank, word, of, number, checkpoint, space)
        elif position is not None:
            found.append(position)
        elif word.isdecimal() and int(word) < len(bank):
            found.append(int(word))
        else:
            none = f"{word!r} is no id of the bank, no file, no number below {len(bank)}"
            raise ValueError(f"query: {none}, no position")
    if not found:
        raise ValueError("query: none is given")
    positions = [each for each in found if isinstance(each, tuple) and not isinstance(each, Query)]
    at = iter(rows_at(bank, np.array(positions), radius) if positions else ())
    whole = [each if isinstance(each, int | Query) else next(at) for each in found]
    rows = [each for each in whole if isinstance(each, int)]
    own = iter(of_bank(bank, rows, of, space) if rows else ())
    return [each if isinstance(each, Query) else next(own) for each in whole]


def _listed(bank: Bank, path: Path) -> list[int] | list[tuple[float, float]]:
    """Rows of the ids of a list, or else its positions."""
    found = {name: plain(values) for name, values in read_text(path).items()}
    ids, names = ids_of(path, found), columns(found, "ra", "dec")
    if ids is not None:
        rows = bank.rows_of(ids)
        missing = [id for id in ids if id not in rows]
        if missing:
            said = f"{len(missing)} of {len(ids)} ids are not in the bank, first {missing[0]}"
            raise ValueError(f"query: {path}: {said}")
        return [rows[id] for id in ids]
    if names is None:
        said = f"no column of ids, and none of ra and dec; there are {', '.join(found)}"
        raise ValueError(f"query: {path}: {said}")
    both = [np.asarray(found[name]) for name in names]
    for name, values in zip(names, both, strict=True):
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            raise ValueError(f"query: {path}: {name}: not a number in every row")
    return list(zip(*(values.astype(float).tolist() for values in both), strict=True))
