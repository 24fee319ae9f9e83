"""``astroclip search``: nearest neighbors of a galaxy, by its image or its spectrum."""

from collections.abc import Sequence

from rich.table import Table

from astroclip.data.batch import Galaxy, middle
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
) -> None:
    """Find the galaxies whose spectra are nearest to an image, or whose images to a spectrum.

    All of them are compared. What is known of each is shown beside its cosine; with ``--out`` a
    sheet of pictures is drawn too.

    Args:
        bank: File that ``astroclip embed`` wrote; or a checkpoint, with which the galaxies of
            ``--files`` or ``--shards`` are embedded first.
        query: A galaxy of the bank, by its id or by its number from 0 on; or a file of one.
        of: What to look at of the query: its ``image`` or its ``spectrum``; the image, if it has
            one, where not given.
        kind: What to look for: ``image`` or ``spectrum``; the other one where not given, and in
            the space ``h`` the same.
        space: ``z``, that of images and spectra, in which what only one of them knows is faint; or
            ``h``, the own one of an encoder, which finds spectra of the same redshift.
        k: How many.
        number: Which galaxy of the query's file, from 0 on, if it holds several.
        checkpoint: Embeds a query that is a file; that which embedded the bank, if not given.
        files: Where the galaxies of the bank are, as ``astroclip embed`` takes them.
        shards: Folder of shards where they are.
        out: Sheet of pictures to write, which ends in ``.png``, ``.svg`` or ``.pdf``; the galaxies
            must be given for it.
        overwrite: Replace a sheet that is there.

    Raises:
        ValueError: If something of this is not there, or does not fit.
    """
    if out is not None:
        check_format(out)
        new_file(out, overwrite)
        if files is None and shards is None:
            raise ValueError(f"out: {out}: a sheet needs --files or --shards to draw from")
    opened = open_bank(bank, files, shards, space)
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
    """The other kind: image for spectrum, spectrum for image."""
    return "spectrum" if kind == "image" else "image"


def find(bank: Embeddings, query: Query, kind: Kind, k: int) -> Found:
    """Find the nearest neighbors in a bank, without the query itself.

    Args:
        bank: Where to seek.
        query: What.
        kind: Of what is sought.
        k: How many.

    Returns:
        Their cosines and rows, the nearest first.

    Raises:
        ValueError: If the bank has no such kind, or fewer.
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
    """The search in a line."""
    plural = {"image": "images", "spectrum": "spectra"}[kind]
    count = len(bank.embeddings.ids)
    return f"the {plural} of {count} that are nearest to the {query.kind} of {query.name}"


def table(bank: Embeddings, query: Query, found: Found) -> Table:
    """The result as a table for a terminal.

    Args:
        bank: Where it was sought.
        query: What.
        found: The answers.

    Returns:
        Rank, id, cosine and what is known of each, the query in front.
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


def _labels(bank: Embeddings, row: int) -> list[str]:
    return [written(float(values[row])) for values in bank.labels.values()]


def draw(path: str, bank: Bank, query: Query, found: Found) -> None:
    """Draw the query and its nearest neighbors.

    Args:
        path: Of the sheet.
        bank: With its galaxies.
        query: What was sought.
        found: The answers.

    Raises:
        ValueError: If one of them is not among the galaxies that were given.
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
    """A galaxy whose image is cropped to a stamp."""
    if galaxy.image is None:
        return galaxy
    return galaxy._replace(image=middle(galaxy.image, min(CUT, *galaxy.image.shape[1:])))
