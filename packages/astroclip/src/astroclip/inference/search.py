"""``astroclip search``: nearest neighbors of a galaxy, by its image or its spectrum."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from astroclip.data.batch import Galaxy, middle
from astroclip.data.on_error import OnError
from astroclip.data.readers.open import Files
from astroclip.data.source import Source
from astroclip.inference.embedding_files import Embeddings
from astroclip.inference.nearest import Found, nearest, unit
from astroclip.inference.query import Bank, Kind, Query, Space, ask, open_bank
from astroclip.inference.search_figure import QUERY, SAME, Row, check_format, write_sheet
from sciformer.files import new_file
from sciformer.report.html import number as written
from sciformer.report.report import literal, terminal

CUT = 96  # pixels of a stamp at most


def search(  # noqa: PLR0913, PLR0917  # the options of the command line
    bank: str,
    query: str,
    of: Kind | None = None,
    kind: Kind | None = None,
    space: Space = "z",
    k: int = 10,
    number: int | None = None,
    checkpoint: str | None = None,
    files: Files | None = None,
    shards: str | None = None,
    out: str | None = None,
    overwrite: bool = False,
    on_error: OnError = "skip",
) -> None:
    """Find the galaxies whose spectra are nearest to an image, or whose images to a spectrum.

    The search is exhaustive. Prints cosine similarity and labels of each result; ``--out`` also
    draws a figure.

    Args:
        bank: File written by ``astroclip embed``; or a checkpoint, which first embeds the galaxies
            of ``--files`` or ``--shards``.
        query: Id or index (from 0) of a galaxy in the bank; or a file with a galaxy.
        of: Embedding of the query to use: ``image`` or ``spectrum``; by default the image, if there
            is one.
        kind: Embeddings to search: ``image`` or ``spectrum``; by default the other modality, or the
            same one in space ``h``.
        space: ``z``, shared by images and spectra, which suppresses what only one modality
            measures; or ``h``, the output of one encoder, which finds spectra of similar redshift.
        k: Number of results.
        number: Index (from 0) of the galaxy in the query file, if it holds several.
        checkpoint: Checkpoint to embed a query file; by default the one that embedded the bank.
        files: Files of the bank's galaxies, as in ``astroclip embed``.
        shards: Folder of shards of the bank's galaxies.
        out: Figure to write, ``.png``, ``.svg`` or ``.pdf``; requires ``--files`` or ``--shards``.
        overwrite: Replace an existing figure.
        on_error: What to do with a galaxy of the bank's files that cannot be used: report it and go
            on (``skip``), or stop with an error (``stop``).

    Raises:
        ValueError: If an input does not exist, or inputs do not fit together.
    """
    if out is not None:
        check_format(out)
        new_file(out, overwrite)
        if files is None and shards is None:
            raise ValueError(f"out: {out}: a sheet needs --files or --shards to draw from")
    opened = open_bank(bank, files, shards, space, on_error)
    asked = ask(opened, query, of, number, checkpoint or opened.about.get("checkpoint"), space)
    wanted = kind or (asked.kind if space == "h" else other(asked.kind))
    found = find(opened.embeddings, asked, wanted, k)
    console = terminal()
    console.print(literal(described(opened, asked, wanted)))
    console.print(table(opened.embeddings, asked, found))
    if out is not None:
        draw(out, opened, asked, found)
        print(out)  # noqa: T201  # what the verb answers


def other(kind: Kind) -> Kind:
    """The other modality: image for spectrum, spectrum for image."""
    return "spectrum" if kind == "image" else "image"


def find(bank: Embeddings, query: Query, kind: Kind, k: int) -> Found:
    """Find nearest neighbors in a bank, excluding the query's own embedding.

    Args:
        bank: Bank of embeddings.
        query: Query of the search.
        kind: Embeddings to search: image or spectrum.
        k: Number of neighbors.

    Returns:
        Cosines and indices, nearest first.

    Raises:
        ValueError: If the bank lacks these embeddings, or has fewer than ``k``.
    """
    if query.space == "h" and kind != query.kind:
        raise ValueError(f"kind: {kind}: in the space h the {query.kind} of a galaxy has no other")
    vectors = bank.vectors.get(f"{kind}_{query.space}")
    if vectors is None:
        raise ValueError(f"kind: the bank has no {kind}; --kind {query.kind} looks for the same")
    if vectors.shape[1] != query.vector.shape[1]:
        widths = f"{query.vector.shape[1]} numbers, those of the bank {vectors.shape[1]}"
        raise ValueError(f"query: {query.name}: its embedding has {widths}")
    itself = query.row if kind == query.kind else None
    most = len(vectors) - (itself is not None)
    if not 1 <= k <= most:
        raise ValueError(f"k: {k} is not between 1 and {most}, the galaxies to choose from")
    found = nearest(query.vector, unit(vectors), k + (itself is not None))
    keep = found.number[0] != (-1 if itself is None else itself)
    return Found(found.cosine[:, keep][:, :k], found.number[:, keep][:, :k])


def described(bank: Bank, query: Query, kind: Kind) -> str:
    """One-line description of the search."""
    plural = {"image": "images", "spectrum": "spectra"}[kind]
    count = len(bank.embeddings.ids)
    return f"the {plural} of {count} that are nearest to the {query.kind} of {query.name}"


def table(bank: Embeddings, query: Query, found: Found) -> Table:
    """The result as a table for a terminal.

    Args:
        bank: Bank that was searched.
        query: Query of the search.
        found: Nearest neighbors.

    Returns:
        Rank, id, cosine and labels of each result; a query of the bank is in the first row.
    """
    shown = Table("rank", "id", "cosine")
    for name in bank.labels:
        shown.add_column(literal(name), justify="right")
    if query.row is not None:
        shown.add_row("query", literal(query.name), "", *_labels(bank, query.row), end_section=True)
    rows = zip(found.number[0].tolist(), found.cosine[0].tolist(), strict=True)
    for rank, (row, cosine) in enumerate(rows, 1):
        same = " (itself)" * (row == query.row)
        name = literal(f"{bank.ids[row]}{same}")
        shown.add_row(str(rank), name, f"{cosine:.4f}", *_labels(bank, row))
    return shown


def _labels(bank: Embeddings, row: int) -> list[Text | str]:
    return [_label(bank.classes.get(n, ()), float(v[row])) for n, v in bank.labels.items()]


def _label(words: Sequence[str], value: float) -> Text | str:
    """A label as shown: the class that it numbers, if it does."""
    known = value.is_integer() and 0 <= value < len(words)
    return literal(words[int(value)]) if known else written(value)


def draw(path: str, bank: Bank, query: Query, found: Found) -> None:
    """Draw the query and its nearest neighbors.

    Args:
        path: Output file.
        bank: Bank with the galaxies' images and spectra.
        query: Query of the search.
        found: Nearest neighbors.

    Raises:
        ValueError: If the query or a neighbor is not among the given galaxies.
    """
    assert bank.source is not None
    rows: list[int] = found.number[0].tolist()
    ids = [bank.embeddings.ids[row] for row in rows]
    own = [query.name] if query.galaxy is None else []
    galaxies = _by_id(bank.source, [*own, *ids])
    asked = query.galaxy or galaxies[query.name]
    sheet = [Row(_cut(asked), f"query: {query.kind}", QUERY)]
    cosines = found.cosine[0].tolist()
    for rank, (row, id, cosine) in enumerate(zip(rows, ids, cosines, strict=True), 1):
        color = SAME if row == query.row else None
        sheet.append(Row(_cut(galaxies[id]), f"{rank}: cosine {cosine:.3f}", color))
    write_sheet(path, sheet)


def _by_id(source: Source, ids: Sequence[str]) -> dict[str, Galaxy]:
    wanted = set(ids)
    numbers = {id: n for n in range(len(source)) if (id := source.id(n)) in wanted}
    if missing := [id for id in ids if id not in numbers]:
        raise ValueError(f"{source.where}: has no galaxy {missing[0]}, which is in the bank")
    return {id: source[number] for id, number in numbers.items()}


def _cut(galaxy: Galaxy) -> Galaxy:
    """Crop the image of a galaxy to a thumbnail."""
    if galaxy.image is None:
        return galaxy
    return galaxy._replace(image=middle(galaxy.image, min(CUT, *galaxy.image.shape[1:])))
