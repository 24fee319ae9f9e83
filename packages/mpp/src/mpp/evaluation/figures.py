"""Figures of rollouts: errors against time, maps of truth and prediction, spectra, movies."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from mpp.evaluation.baselines import BASELINES
from mpp.evaluation.comparison import TRUTH, Comparison
from mpp.evaluation.field_maps import ERROR, STATE, Shown, draw, extent, label, limits, place
from mpp.evaluation.movies import film
from mpp.metrics import band_cuts
from sciformer.evaluation.comparison import MODEL
from sciformer.report.figures import BASELINE, BLUE, INK, VERMILION, WIDE, add_legend, figure
from sciformer.report.report import Report
from sciformer.text import counted

LINES = {
    MODEL: (BLUE, "-", "o"),
    "persistence": (BASELINE, "--", "s"),
    "linear": (VERMILION, ":", "^"),
}
NAMES = {MODEL: "model", "persistence": "persistence", "linear": "linear extrapolation"}
CUT = "between low, middle and high"
FILM = 6.4  # inches: shown pixel by pixel on a desk screen
ACROSS = 4  # panels side by side
CAPTION = (
    "Truth and prediction of a field have one scale, the error (prediction less truth) its own, "
    "cut at the range of the truth. All frames come from the history alone. Numbers are in the "
    "units of the data (those of the built-in systems have none)."
)


def add_errors(report: Report, compared: Comparison) -> None:
    """VRMSE against the step, one panel per field."""
    steps = np.arange(1, compared.steps + 1)
    with _panels(compared, "steps ahead", "VRMSE (no unit)", sharey=True) as (drawn, panels):
        for field, axes in enumerate(panels):
            for method in (MODEL, *BASELINES):
                color, style, marker = LINES[method]
                values = compared.errors["vrmse"][method][:, field]
                axes.plot(
                    steps,
                    values,
                    style,
                    color=color,
                    marker=marker,
                    markersize=4,
                    label=NAMES[method],
                )
            axes.set(yscale="log")
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
    report.add_figure(
        f"{label(compared.name)}: error against time",
        drawn,
        "Root mean square error over the standard deviation of the true frame, in the mean over "
        f"{counted(compared.windows, 'window')}; a step takes {compared.description.dt:.4g} in the "
        "time of the data. 1 is what the right mean everywhere would get.",
    )


def add_spectra(report: Report, compared: Comparison) -> None:
    """Power of each field at each wave number, at the last step."""
    across, up = "number of waves along the domain", "mean square (unit\u00b2)"
    space = compared.description.shape
    cuts = [cut * max(space) / (2 * math.pi) for cut in band_cuts(space)]
    with _panels(compared, across, up) as (drawn, panels):
        for field, axes in enumerate(panels):
            waves = np.arange(1, compared.spectra[TRUTH].shape[1])
            truth = compared.spectra[TRUTH][field, 1:]
            axes.plot(waves, truth, color=INK, label="truth")
            axes.plot(waves, compared.spectra[MODEL][field, 1:], "--", color=BLUE, label="model")
            for cut in cuts:
                axes.axvline(cut, color=BASELINE, linewidth=0.8, linestyle=":", label=CUT)
            axes.set(xscale="log", yscale="log")
            _decades(axes, truth)
    report.add_figure(
        f"{label(compared.name)}: spectra after {counted(compared.steps, 'step')}",
        drawn,
        "The part of the mean square of a field (in its unit squared) at each whole number of "
        "waves along the longest axis, in any direction, in the mean over the windows.",
    )


@contextmanager
def _panels(
    compared: Comparison, x: str, y: str, sharey: bool = False
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with one panel per field; axis labels, titles and legend when they are drawn."""
    names = compared.description.names
    columns = min(ACROSS, len(names))
    lines = math.ceil(len(names) / columns)
    with figure(0.6 + 1.9 * lines, WIDE) as drawn:
        panels = drawn.subplots(lines, columns, squeeze=False, sharex=True, sharey=sharey)
        yield drawn, list(panels.flat[: len(names)])
        for axes in panels.flat[len(names) :]:
            axes.set_visible(False)
        for axes, name in zip(panels.flat, names, strict=False):
            axes.set_title(label(name))
        for axes in panels[-1]:
            axes.set_xlabel(x)
        for axes in panels[:, 0]:
            axes.set_ylabel(y)
        add_legend(drawn, 3)


def _decades(axes: Axes, truth: np.ndarray) -> None:
    """Limit the axis to fp32's round-off of the largest value."""
    top = truth.max()
    if top > 0:
        axes.set_ylim(max(truth[truth > 0].min() / 3, top * 1e-13), 3 * top)


def add_strip(report: Report, shown: Shown, field: int, steps: Sequence[int]) -> None:
    """Truth, prediction and error of one field at a few steps, counted from 0."""
    name = label(shown.description.names[field])
    rows = (("truth", shown.truth), ("prediction", shown.prediction), ("error", shown.error))
    with figure(5.4 if len(shown.description.shape) > 1 else 4.4, WIDE) as drawn:
        panels = drawn.subplots(len(rows), len(steps), squeeze=False)
        state, error = limits(shown, field)
        ends = extent(shown.description)
        side = f"\ny, 0 to {ends[3]:.4g}" if len(ends) > 2 else ""
        for (title, values), line in zip(rows, panels, strict=True):
            scale, colors = (error, ERROR) if title == "error" else (state, STATE)
            drawings = [
                draw(axes, values[step, field], shown.description, scale, colors)
                for axes, step in zip(line, steps, strict=True)
            ]
            line[0].set_ylabel(f"{title}{side}")
            if isinstance(drawings[0], AxesImage):
                bar = drawn.colorbar(drawings[0], ax=list(line), aspect=12, pad=0.02)
                bar.set_label(f"error of {name}" if title == "error" else name)
        for axes, last, step in zip(panels[0], panels[-1], steps, strict=True):
            axes.set_title(shown.time(step), fontsize=9)
            last.set_xlabel(f"x, 0 to {ends[1]:.4g}")
    report.add_figure(
        f"{label(shown.name)}: {name}, beside the truth",
        drawn,
        f"The field with the largest VRMSE. {place(shown.description)} {CAPTION}",
    )


def add_film(report: Report, shown: Shown, first: bool = False) -> None:
    """Movie of all fields of one rollout; ``first`` shows it at the top of the page."""
    report.add_film(
        f"{label(shown.name)}: {counted(len(shown.truth), 'step')} of a rollout",
        film(shown),
        FILM,
        f"{place(shown.description)} {CAPTION}",
        _told(shown),
        first,
    )


def _told(shown: Shown) -> str:
    """What a film shows, in words."""
    names = [label(name) for name in shown.description.names]
    parts = []
    for field, name in enumerate(names):
        state, _ = limits(shown, field)
        last = shown.error[-1, field]
        error = (
            f", error at the end up to {np.abs(last).max():.2g}" if np.isfinite(last).all() else ""
        )
        parts.append(f"{name} from {state.low:.3g} to {state.high:.3g}{error}")
    return (
        f"Film of {counted(len(shown.truth), 'step')}, {shown.time(0)} to "
        f"{shown.time(len(shown.truth) - 1)}; truth, prediction and error of {'; '.join(parts)}."
    )
