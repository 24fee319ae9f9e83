"""Figure of a search: the query and its nearest neighbors, one per row."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib.axes import Axes

from astroclip.data.batch import Galaxy
from astroclip.inference.galaxy_plots import FLUX, WAVELENGTH, name_lines, spectrum, stamp
from astroclip.metrics import REDSHIFT
from sciformer.files import write_atomically
from sciformer.report.figures import BLUE, DPI, GREEN, WIDE, figure

FORMATS = (".png", ".svg", ".pdf")
HEIGHT = 1.3  # inches of a row


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


def check_format(path: str) -> None:
    """Check that a file name has the suffix of a known figure format.

    Args:
        path: File name.

    Raises:
        ValueError: If it does not.
    """
    if Path(path).suffix not in FORMATS:
        raise ValueError(f"out: {path}: a sheet is a file that ends in {', '.join(FORMATS)}")


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
