"""Style of all figures; uses matplotlib's objects, not pyplot, to avoid global state.

Every color of a line has a contrast of 3:1 or more with the light page and with the dark one
(WCAG 2.2, 1.4.11), and stays apart from the others for the color-blind. The first four are those of
Okabe and Ito (2008, "Color universal design"); their others are too pale on a light page.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import StringIO
from typing import Any

import numpy as np
from cycler import cycler
from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, Formatter, FuncFormatter

from sciformer.text import printable

BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#009e73"
PURPLE, RED, VIOLET = "#cc79a7", "#cc293d", "#7966ff"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, RED, VIOLET)
BASELINE = "#8b909a"

INK, PAPER, GRID = "#1d1f23", "#fefefe", "#dcdfe4"  # page.css has the same ink and paper
DARK = {INK: "#e7e8eb", PAPER: "#17191d", GRID: "#363a41"}
SHADE = 0.3  # opacity of a shaded span

NARROW = 4.8  # inches: 75 pixels per inch on a phone, where 10 points are then still 10 pixels
WIDE = 7.6  # inches: fills the column of a desk screen, scrolls in its own box on a phone

COLORS = {"--ink": INK, "--paper": PAPER, "--grid": GRID}
LIGHT_RULES = "".join(f"{name}:{color};" for name, color in COLORS.items())
DARK_RULES = "".join(f"{name}:{DARK[color]};" for name, color in COLORS.items())
SCHEMES = (
    f":root{{{LIGHT_RULES}}}@media screen and (prefers-color-scheme:dark){{:root{{{DARK_RULES}}}}}"
)
PROLOGUE = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>\s*", re.DOTALL
)
PATH = re.compile(r'\bd="[^"]*"')
DECIMALS = re.compile(r"(\.\d\d)\d+")

MARKS = 1000  # a drawing of more marks than this is kept as pixels, which then take less room
DPI = 200

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.facecolor": PAPER,
    "axes.formatter.limits": (-4, 5),
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "figure.facecolor": PAPER,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 10,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "image.cmap": "viridis",
    "image.interpolation": "none",  # an image is stored pixel by pixel: exact, and small
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "path",
    "svg.hashsalt": "sciformer",  # the same figure gives the same bytes
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


@contextmanager
def figure(height: float | int = 3.0, width: float | int = NARROW) -> Iterator[Figure]:
    """Open a figure in our style; draw inside the ``with``, and add it to a report afterwards.

    Use ``INK`` for black parts: it becomes light on a dark page. For images and field maps use
    ``axes.grid(False)``.

    Args:
        height: Height in inches.
        width: Width in inches: ``NARROW`` is readable on a phone, ``WIDE`` has space for several
            axes.

    Yields:
        An empty figure with automatic layout.
    """
    with _style():
        yield LiteralFigure((width, height), layout="constrained")


def add_legend(
    drawn: Figure, columns: int, loc: Any = "outside upper center", marks: float | int = 1
) -> None:
    """Add one legend for all panels, with each name once.

    Args:
        drawn: The figure.
        columns: Columns of the legend.
        loc: Place, as matplotlib names it.
        marks: Size of the marks, times that in the panels.
    """
    entries = {
        label: handle
        for axes in drawn.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    drawn.legend(entries.values(), entries.keys(), loc=loc, ncols=columns, markerscale=marks)


class LiteralFigure(Figure):
    """A figure that draws text literally, as names may contain ``$``, matplotlib's math mode.

    Only tick labels are formatted by matplotlib: powers of ten on a log scale.
    """

    def draw(self, renderer: Any) -> None:
        formatted: set[Text] = set()
        for axis in (axis for axes in self.axes for axis in (axes.xaxis, axes.yaxis)):
            formatted |= {text for text in axis.findobj(Text) if text is not axis.label}
            if isinstance(given := axis.get_major_formatter(), FixedFormatter | FuncFormatter):
                axis.set_major_formatter(partial(_shown, given))
                ticks = axis.get_major_ticks(len(axis.get_majorticklocs()))
                formatted -= {label for tick in ticks for label in (tick.label1, tick.label2)}
        for text in self.findobj(Text):
            if isinstance(text, Text) and text not in formatted:
                text.set_parse_math(False)
                text.set_text(printable(text.get_text()))
        super().draw(renderer)


def _shown(formatter: Formatter, value: float | np.integer, place: Any) -> str:
    return printable(formatter(float(value), place))


@contextmanager
def _style() -> Iterator[None]:
    """Use our style only; a ``matplotlibrc`` in the working folder is ignored."""
    with rc_context():
        rcdefaults()
        rcParams.update(STYLE)
        yield


def draw(figure: Figure) -> str:
    """Draw a figure as SVG whose ink, paper and grid follow the reader's light or dark scheme.

    Args:
        figure: Figure from :func:`figure`; parts with very many markers are rasterized.

    Returns:
        The SVG, with coordinates to 0.01 points.
    """
    for artist in figure.findobj(lambda artist: _marks(artist) > MARKS):
        artist.set_rasterized(True)
    stream = StringIO()
    with _style():
        figure.savefig(
            stream, format="svg", dpi=DPI, metadata={"Date": None, "Creator": None, "Type": None}
        )
    svg = PROLOGUE.sub("", stream.getvalue())
    svg = PATH.sub(lambda path: DECIMALS.sub(r"\1", path[0]), svg)
    for name, color in COLORS.items():
        svg = svg.replace(color, f"var({name})")
    return svg.replace("<defs>", f"<style>{SCHEMES}</style>\n <defs>", 1)


def _marks(artist: object) -> int:
    if isinstance(artist, Collection):
        values = artist.get_array()
        return max(np.shape(artist.get_offsets())[0], np.size([] if values is None else values))
    if isinstance(artist, Line2D) and artist.get_marker() not in ("None", None, "", " "):
        return np.size(artist.get_xdata(orig=False))
    return 0
