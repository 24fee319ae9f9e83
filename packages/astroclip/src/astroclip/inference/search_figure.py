"""Figure of a search: the query and its nearest neighbors, one per row."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.image import imsave

from astroclip.data.batch import Galaxy, middle
from astroclip.data.source import Source
from astroclip.inference.bank import Bank
from astroclip.inference.encode import open_galaxies
from astroclip.inference.galaxy_plots import FLUX, WAVELENGTH, name_lines, rgb, spectrum, stamp
from astroclip.inference.neighbors import Answer
from astroclip.metrics import REDSHIFT
from sciformer.files import write_atomically
from sciformer.report.figures import BLUE, DPI, GREEN, WIDE, figure

HEIGHT = 1.3  # inches of a row
CUT = 96  # pixels of a stamp at most


class Row(NamedTuple):
    """A galaxy of the figure.

    Args:
        galaxy: With an image, a spectrum or both.
        title: Title above the row.
        color: Color of the frame; None for no frame.
    """

    galaxy: Galaxy
    title: str
    color: str | None = None


QUERY, SAME = BLUE, GREEN  # colors of frames


def draw(path: str, bank: Bank, source: Source, answer: Answer) -> None:
    """Draw a query and its nearest neighbors.

    Args:
        path: Output file, ``.png``, ``.svg`` or ``.pdf``.
        bank: Bank that was searched.
        source: The galaxies' images and spectra.
        answer: Query and its nearest neighbors.

    Raises:
        ValueError: If the query or a neighbor is not among the given galaxies.
    """
    query = answer.query
    ids = bank.ids(answer.number)
    galaxies = by_id(source, [*([query.name] if query.file is None else []), *ids])
    asked = (
        galaxies[query.name]
        if query.file is None
        else open_galaxies(query.file[0], None)[query.file[1]]
    )
    sheet = [Row(cut(asked), f"query: {query.kind}", QUERY)]
    for rank, (row, id, cosine) in enumerate(
        zip(answer.number, ids, answer.cosine, strict=True), 1
    ):
        color = SAME if row == query.row else None
        sheet.append(Row(cut(galaxies[id]), f"{rank}: cosine {cosine:.3f}", color))
    write_sheet(path, sheet)


def by_id(source: Source, ids: Sequence[str]) -> dict[str, Galaxy]:
    """Read galaxies by their ids.

    Args:
        source: All galaxies.
        ids: Ids of those to read.

    Returns:
        Id -> galaxy.

    Raises:
        ValueError: If one is not there.
    """
    wanted = set(ids)
    numbers = {id: n for n in range(len(source)) if (id := source.id(n)) in wanted}
    if missing := [id for id in ids if id not in numbers]:
        raise ValueError(f"{source.where}: has no galaxy {missing[0]}, which is in the bank")
    return {id: source[number] for id, number in numbers.items()}


def cut(galaxy: Galaxy) -> Galaxy:
    """Crop the image of a galaxy to a thumbnail."""
    if galaxy.image is None:
        return galaxy
    return galaxy._replace(image=middle(galaxy.image, min(CUT, *galaxy.image.shape[1:])))


def stamp_png(galaxy: Galaxy) -> bytes:
    """Color image of a galaxy, north up, as a PNG file."""
    if galaxy.image is None:
        raise ValueError(f"{galaxy.id}: no image")
    image = cut(galaxy).image
    assert image is not None
    shown, out = rgb(image)[::-1], BytesIO()
    imsave(out, np.ascontiguousarray(shown), format="png")
    return out.getvalue()


def spectrum_svg(galaxy: Galaxy) -> bytes:
    """Spectrum of a galaxy with marked lines, as an SVG file."""
    if galaxy.flux is None or galaxy.ivar is None:
        raise ValueError(f"{galaxy.id}: no spectrum")
    redshift, out = galaxy.labels.get(REDSHIFT, float("nan")), BytesIO()
    with figure(HEIGHT + 0.4, WIDE) as drawn:
        axes = drawn.subplots()
        spectrum(axes, torch.from_numpy(galaxy.flux), torch.from_numpy(galaxy.ivar), redshift)
        name_lines(axes, redshift)
        axes.set_xlabel(WAVELENGTH)
        axes.set_ylabel(FLUX, fontsize=6)
        drawn.savefig(out, format="svg")
    return out.getvalue()


def write_sheet(path: str, rows: Sequence[Row]) -> None:
    """Draw galaxies, one per row, with image and spectrum as far as available.

    Args:
        path: Output file, ``.png``, ``.svg`` or ``.pdf``.
        rows: The galaxies.
    """
    with figure(HEIGHT * len(rows) + 0.4, WIDE) as drawn:
        grid = drawn.subplots(len(rows), 2, width_ratios=(1, 4.6), squeeze=False)
        for row, (left, right) in zip(rows, grid, strict=True):
            _draw(row, left, right)
            right.tick_params(labelbottom=row is rows[-1])
        if any(row.galaxy.flux is not None for row in rows):
            grid[-1][1].set_xlabel(WAVELENGTH)
            grid[len(rows) // 2][1].set_ylabel(FLUX, fontsize=None if len(rows) > 1 else 6)
            drawn.align_ylabels(grid[:, 1])  # left of the widest numbers
        kind = Path(path).suffix[1:]
        write_atomically(path, lambda beside: drawn.savefig(beside, format=kind, dpi=DPI))


def _draw(row: Row, left: Axes, right: Axes) -> None:
    galaxy, redshift = row.galaxy, row.galaxy.labels.get(REDSHIFT, float("nan"))
    if galaxy.image is not None:
        stamp(left, torch.from_numpy(galaxy.image), row.title, row.color)
    else:
        _empty(left, "no image", row.title)
    if galaxy.flux is not None and galaxy.ivar is not None:
        spectrum(right, torch.from_numpy(galaxy.flux), torch.from_numpy(galaxy.ivar), redshift)
        name_lines(right, redshift)
    else:
        _empty(right, "no spectrum", "")


def _empty(axes: Axes, text: str, title: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=8, pad=3)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=8, transform=axes.transAxes)
