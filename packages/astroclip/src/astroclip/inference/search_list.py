"""List of a search: a row for each query and each of its nearest neighbors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from astroclip.inference.bank import Bank
from astroclip.inference.embedding_files import PARQUET, POSITION
from astroclip.inference.neighbors import Answer
from sciformer.files import write_atomically

LISTS = (".parquet", ".csv")
SHEETS = (".png", ".svg", ".pdf")  # figures


def check_format(path: str, *more: str) -> None:
    """Check that a file name has the suffix of a figure, or another allowed one.

    Args:
        path: File name.
        *more: Further suffixes.

    Raises:
        ValueError: If it does not.
    """
    if Path(path).suffix not in (*SHEETS, *more):
        ends = ", ".join(SHEETS) + (f", or a list in {' or '.join(more)}" if more else "")
        raise ValueError(f"out: {path}: a sheet is a file that ends in {ends}")


def write_list(path: Path, bank: Bank, answers: Sequence[Answer]) -> None:
    """Write the neighbors of all queries, nearest first.

    Args:
        path: Output file, ``.parquet`` or ``.csv``; its columns are query, of (image or spectrum),
            kind (what was searched), rank (from 1), id, cosine, the position if known, and labels.
        bank: Bank that was searched.
        answers: Queries and their neighbors.
    """
    rows = [row for each in answers for row in each.number]
    places = POSITION if bank.has_positions else ()
    columns = bank.take([*places, *bank.labels], rows)
    counts = [len(each.number) for each in answers]
    found: dict[str, pa.Array] = {
        "query": _repeated([each.query.name for each in answers], counts),
        "of": _repeated([each.query.kind for each in answers], counts),
        "kind": _repeated([each.kind for each in answers], counts),
        "rank": pa.array([rank for count in counts for rank in range(1, count + 1)]),
        "id": pa.array(bank.ids(rows), pa.string()),
        "cosine": pa.array([c for each in answers for c in each.cosine], pa.float32()),
    }
    for name, values in columns.items():
        words = bank.classes.get(name)
        known = np.isfinite(values)
        if words is not None:
            said = [
                words[int(v)] if there else None for v, there in zip(values, known, strict=True)
            ]
            found[name] = pa.array(said, pa.string())
        else:
            found[name] = pa.array(values, mask=~known)
    write = pq.write_table if path.suffix == PARQUET else csv.write_csv
    write_atomically(path, lambda beside: write(pa.table(found), beside))


def _repeated(texts: Sequence[str], counts: Sequence[int]) -> pa.Array:
    every = [text for text, count in zip(texts, counts, strict=True) for _ in range(count)]
    return pa.array(every, pa.string())
