"""Alternative text of a figure, for those who cannot see it: axes, series and their ranges."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sciformer.text import counted, printable

MOST = 6  # panels that are described
FEW = 12  # bars or marks of a name that are listed


def described(figure: Figure) -> str:
    """Describe a figure in words: axes of each panel, first and last value of each line.

    Args:
        figure: The figure; color bars and hidden axes are left out.

    Returns:
        One sentence per panel, of at most six.
    """
    panels = [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != BAR]
    lines = [_panel(axes) for axes in panels[:MOST]]
    said = [f"{counted(len(panels), 'panel')}."] if len(panels) > 1 else []
    return printable(" ".join(dict.fromkeys([*said, *(line for line in lines if line)])))


BAR = "<colorbar>"  # matplotlib's label of a color bar's axes


def _panel(axes: Axes) -> str:
    """One sentence on one panel."""
    parts = [axes.get_title() or axes.get_title("left")]
    sides = {"horizontal": axes.get_xlabel(), "vertical": axes.get_ylabel()}
    parts += [f"{side}: {name}" for side, name in sides.items() if name]
    parts += [_series(line) for line in axes.get_lines() if _is_line(line)]
    named: dict[str, list[float]] = {}  # lengths of bars and heights of marks
    for bars in axes.containers:
        if isinstance(bars, BarContainer):
            named.setdefault(str(bars.get_label()), []).extend(
                np.ravel(np.asarray(bars.datavalues, float))
            )
    for line in axes.get_lines():
        if not _is_line(line):
            named.setdefault(str(line.get_label()), []).extend(
                np.ravel(np.asarray(line.get_ydata(), float))
            )
    parts += [_listed(name, values) for name, values in named.items()]
    points = [each for each in axes.collections if isinstance(each, PathCollection)]
    parts += [counted(len(np.atleast_2d(each.get_offsets())), "point") for each in points]
    parts += ["an image"] * len(axes.get_images())
    said = "; ".join(part for part in parts if part)
    return f"{said}." if said else ""


def _is_line(line: Line2D) -> bool:
    return line.get_linestyle() != "None"


def _series(line: Line2D) -> str:
    """Name of a line, with its first and last point."""
    x, y = (np.asarray(values, float) for values in (line.get_xdata(), line.get_ydata()))
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    name = str(line.get_label())
    if name.startswith("_") or not len(known):
        return "" if name.startswith("_") else name
    first, last = known[[0, -1]]
    return f"{name}: {y[first]:.3g} at {x[first]:.3g}, {y[last]:.3g} at {x[last]:.3g}"


def _listed(name: str, values: Sequence[float]) -> str:
    """Some values one by one, many by their range."""
    known = [value for value in values if np.isfinite(value)]
    if name.startswith("_") or not known:
        return ""
    if len(known) <= FEW:
        return f"{name}: {', '.join(f'{value:.3g}' for value in known)}"
    return f"{name}: {len(known)} values from {min(known):.3g} to {max(known):.3g}"
