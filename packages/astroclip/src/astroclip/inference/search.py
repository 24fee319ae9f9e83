"""``astroclip search``: nearest neighbors of galaxies, by their images or their spectra."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from astroclip.data.entry import Files, OnError
from astroclip.inference.bank import Bank, is_bank
from astroclip.inference.embedding_files import SUFFIXES
from astroclip.inference.neighbors import Answer, find
from astroclip.inference.query import RADIUS, Kind, Space
from astroclip.inference.query_words import ask
from astroclip.inference.search_list import LISTS, SHEETS, check_format, write_list
from sciformer.arguments import ArgumentError, check_positive
from sciformer.files import new_file
from sciformer.report.html import number as written
from sciformer.report.terminal import literal, terminal

if TYPE_CHECKING:
    from astroclip.data.source import Source

SHOWN = 5  # queries in the terminal


def search(  # noqa: PLR0913, PLR0917  # the options of the command line
    bank: str,
    query: list[str | int] | str,
    of: Kind | None = None,
    kind: Kind | None = None,
    space: Space = "z",
    k: int = 10,
    number: int | None = None,
    radius: float = RADIUS,
    approximate: bool = False,
    checkpoint: str | None = None,
    files: Files | None = None,
    shards: str | None = None,
    out: str | None = None,
    overwrite: bool = False,
    on_error: OnError = "skip",
) -> None:
    """Find the galaxies whose spectra are nearest to an image, or whose images to a spectrum.

    One query or many, ``[a, b, c]``. The search is exhaustive, and reads the bank block by block.
    Prints cosine similarity and labels of each result; ``--out`` also writes a list of all of them,
    or draws a figure of one query.

    Args:
        bank: File or folder written by ``astroclip embed``; or a checkpoint, which first embeds the
            galaxies of ``--files`` or ``--shards``.
        query: Id or index (from 0) of a galaxy in the bank; a position ``RA,DEC`` in degrees; a
            file of galaxies or of embeddings; a ``.csv`` or ``.txt`` table with a column of ids, or
            with ``ra`` and ``dec``; or a list ``[...]`` of these.
        of: Embedding of the query to use: ``image`` or ``spectrum``; by default the image, if there
            is one.
        kind: Embeddings to search: ``image`` or ``spectrum``; by default the other modality, or the
            same one in space ``h``.
        space: ``z``, shared by images and spectra, which suppresses what only one modality
            measures; or ``h``, the output of one encoder, which finds spectra of similar redshift.
        k: Number of results.
        number: Index (from 0) of the galaxy in a query file; by default all of its galaxies.
        radius: Largest distance in arcsec of a galaxy of the bank from a position.
        approximate: Search an index of compressed vectors, which is built first, and print its
            recall; for very many queries. Needs ``faiss-cpu``.
        checkpoint: Checkpoint to embed a query file; by default the one that embedded the bank.
        files: Files of the bank's galaxies, as in ``astroclip embed``.
        shards: Folder of shards of the bank's galaxies.
        out: List to write, ``.parquet`` or ``.csv``, a row for each query and result; or figure,
            ``.png``, ``.svg`` or ``.pdf``, which requires ``--files`` or ``--shards``.
        overwrite: Replace an existing list or figure.
        on_error: What to do with a galaxy of the bank's files that cannot be used: report it and go
            on (``skip``), or stop with an error (``stop``).

    Raises:
        ValueError: If an input does not exist, or inputs do not fit together.
    """
    check_positive(radius=radius)
    given = files is not None or shards is not None
    if out is not None:
        _check_out(out, overwrite, given)
    if Path(bank).suffix in SUFFIXES and not Path(bank).exists():
        raise ArgumentError("bank", f"{bank}: no such file")
    opened, source = _opened(bank, files, shards, on_error)
    embedder = checkpoint or opened.about.get("checkpoint")
    words = [query] if isinstance(query, str) else [str(word) for word in query]
    asked = ask(opened, words, of, number, embedder, space, radius)
    console = terminal()
    found = find(opened, asked, kind, k, approximate, lambda said: console.print(literal(said)))
    console.print(literal(described(opened, found)))
    for each in found[:SHOWN]:
        console.print(table(opened, each))
    if len(found) > SHOWN:
        console.print(literal(f"and {len(found) - SHOWN} more queries; a list (--out) has them"))
    if out is not None:
        _write(out, opened, source, found)
        print(out)  # noqa: T201  # what the verb answers


def _opened(
    bank: str, files: Files | None, shards: str | None, on_error: OnError
) -> tuple[Bank, "Source | None"]:
    """The bank, and the galaxies in it if they are given."""
    known = is_bank(Path(bank))
    if known and files is None and shards is None:
        return Bank(bank), None
    from astroclip.inference.encode import embedded, open_galaxies  # torch: a second

    source = open_galaxies(files, shards, on_error)
    return Bank(bank) if known else embedded(bank, source, on_error), source


def _write(out: str, bank: Bank, source: "Source | None", answers: Sequence[Answer]) -> None:
    if Path(out).suffix in LISTS:
        write_list(Path(out), bank, answers)
        return
    from astroclip.inference.search_figure import draw  # torch and matplotlib

    if len(answers) > 1:
        raise ValueError(f"out: {out}: a sheet shows one query, and not {len(answers)}")
    assert source is not None
    draw(out, bank, source, answers[0])


def _check_out(out: str, overwrite: bool, given: bool) -> None:
    check_format(out, *LISTS)
    new_file(out, overwrite)
    if Path(out).suffix in SHEETS and not given:
        raise ValueError(f"out: {out}: a sheet needs --files or --shards to draw from")


def described(bank: Bank, answers: Sequence[Answer]) -> str:
    """One-line description of the search."""
    query, kind = answers[0].query, answers[0].kind
    plural = {"image": "images", "spectrum": "spectra"}
    of = f"{query.kind} of {query.name}"
    if len(answers) > 1:
        mixed = len({each.query.kind for each in answers}) > 1
        of = f"{'image or spectrum' if mixed else query.kind} of each of {len(answers)} galaxies"
    return f"the {plural[kind]} of {len(bank)} that are nearest to the {of}"


def table(bank: Bank, answer: Answer) -> Table:
    """The answer to a query as a table for a terminal.

    Args:
        bank: Bank that was searched.
        answer: Query and its nearest neighbors.

    Returns:
        Rank, id, cosine and labels of each result; the query is in the first row.
    """
    query = answer.query
    shown = Table("rank", "id", "cosine")
    for name in bank.labels:
        shown.add_column(literal(name), justify="right")
    rows = ([] if query.row is None else [query.row]) + answer.number
    columns = bank.take(bank.labels, rows)
    labels = [
        [_label(bank.classes.get(name, ()), float(columns[name][at])) for name in bank.labels]
        for at in range(len(rows))
    ]
    own = labels.pop(0) if query.row is not None else [""] * len(bank.labels)
    shown.add_row("query", literal(query.name), "", *own, end_section=True)
    ids = bank.ids(answer.number)
    near = zip(ids, answer.number, answer.cosine, labels, strict=True)
    for rank, (id, row, cosine, said) in enumerate(near, 1):
        name = literal(f"{id}{' (itself)' * (row == query.row)}")
        shown.add_row(str(rank), name, f"{cosine:.4f}", *said)
    return shown


def _label(words: Sequence[str], value: float) -> Text | str:
    """A label as shown: the class that it numbers, if it does."""
    known = value.is_integer() and 0 <= value < len(words)
    return literal(words[int(value)]) if known else written(value)
