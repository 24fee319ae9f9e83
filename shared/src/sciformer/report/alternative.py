"""Alternative text of a figure, for those who cannot see it: axes, series and their ranges."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sciformer.text import counted, printable

MOST = 6  # panels that are described


def described(figure: Figure) -> str:
    """Describe a figure in words: the axes of each panel, and the first and last value of each line.

    Args:
        figure: The figure; color bars and hidden axes are left out.

    Returns:
        One sentence per panel, of at most six.
    """
    panels = [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != BAR]
    lines = [_panel(axes) for axes in panels[:MOST]]
    said = " ".join(dict.fromkeys(line for line in lines if line))
    return printable(f"{counted(len(panels), 'panel')}. {said}".strip())


BAR = "<colorbar>"  # matplotlib's label of a color bar's axes


def _panel(axes: Axes) -> str:
    """One sentence on one panel."""
    parts = [axes.get_title() or axes.get_title("left")]
    sides = {"horizontal": axes.get_xlabel(), "vertical": axes.get_ylabel()}
    parts += [f"{side}: {name}" for side, name in sides.items() if name]
    parts += [_series(line) for line in axes.get_lines() if not line.get_label().startswith("_")]
    parts += [_bars(bars) for bars in axes.containers if isinstance(bars, BarContainer)]
    points = [each for each in axes.collections if isinstance(each, PathCollection)]
    parts += [counted(len(np.atleast_2d(each.get_offsets())), "point") for each in points]
    parts += ["an image"] * len(axes.get_images())
    said = "; ".join(part for part in parts if part)
    return f"{said}." if said else ""


def _series(line: Line2D) -> str:
    """Name of a line, with its first and last point."""
    x, y = (np.asarray(values, float) for values in (line.get_xdata(), line.get_ydata()))
    known = np.isfinite(x) & np.isfinite(y)
    name = str(line.get_label())
    if not known.any():
        return name
    if line.get_linestyle() == "None":
        return f"{name}: {counted(int(known.sum()), 'point')} from {_range(y[known])}"
    (first, *_, last) = (*np.flatnonzero(known), np.flatnonzero(known)[-1])
    return f"{name}: {y[first]:.3g} at {x[first]:.3g}, {y[last]:.3g} at {x[last]:.3g}"


def _bars(bars: BarContainer) -> str:
    """Name of a group of bars, with the range of their lengths."""
    if bars.get_label().startswith("_"):
        return ""
    sizes = np.asarray(bars.datavalues, float)
    return f"{bars.get_label()}: bars from {_range(sizes)}"


def _range(values: np.ndarray) -> str:
    return f"{values.min():.3g} to {values.max():.3g}"
