"""Figures: predicted against true numbers, predictions across a gap, errors by magnitude."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sciformer.evaluation.comparison import MODEL
from sciformer.report.figures import (
    BASELINE,
    BLUE,
    INK,
    NARROW,
    PALETTE,
    SHADE,
    WIDE,
    add_legend,
    figure,
)
from sciformer.report.report import Report
from xval.evaluation.comparison import Comparison, Flat, label
from xval.evaluation.tables import METHODS, title

Bins = Float64[np.ndarray, " bins"]
SCATTERED = 3000  # answers in a panel
ACROSS = 3  # panels side by side
BINS = 16
FEW = 5  # answers that make a bin
MANY = 200  # answers that want small marks
WIDELY = 30  # times: sizes so far apart are drawn on a log scale
UNIT = "(unit of the text)"
EXACT = 1e-8  # errors below float32's are drawn there
MARGIN = 0.25  # of the gap's width, shown on both sides
THROUGH = (
    "No text of the training has a truth in the shaded gap. An encoding that is continuous goes "
    "through it along the line; one that is not answers with numbers that it has seen, in steps."
)


def add_scatter(report: Report, compared: Comparison) -> None:
    """Predicted numbers against true ones, one panel for each field (the paper's figure 4)."""
    fields = compared.found
    rival = "persistence" if compared.is_series else None
    with panels(len(fields), 2.5) as (drawn, every):
        for axes, field in zip(every, fields, strict=True):
            if rival:
                points(axes, *compared.of(field, rival), BASELINE, METHODS[rival])
            points(axes, *compared.of(field, MODEL), BLUE, METHODS[MODEL])
            truth, _ = compared.of(field, MODEL)
            perfect(axes, truth)
            axes.set_xlabel(f"true {label(field)} {UNIT}")
        every[0].set_ylabel(f"predicted {UNIT}")
        add_legend(drawn, 3, marks=3)
    report.add_figure(
        f"{title(compared.name)}: predicted against true",
        drawn,
        f"At most {SCATTERED} answers in a panel. Answers beyond the range of the truth are at its "
        "edge. A horizontal stripe is an answer that is given whatever the truth.",
    )


class Through(NamedTuple):
    """Predictions across a gap of the training distribution.

    Args:
        inside: Predictions on texts in distribution.
        outside: Predictions on texts in the gap.
        field: Field that has the gap.
        gap: Lower and upper end of the gap.
    """

    inside: Comparison
    outside: Comparison
    field: str
    gap: tuple[float, float]


def add_gap(report: Report, through: Through) -> None:
    """Predicted against true numbers across a gap of the training distribution (figure 5)."""
    name = label(through.field)
    with figure(3.4) as drawn:
        axes = drawn.add_subplot()
        sweep(axes, through)
        axes.set(xlabel=f"true {name} {UNIT}", ylabel=f"predicted {name} {UNIT}")
        add_legend(drawn, 3, marks=3)
    report.add_figure(f"{title(through.outside.name)} of {name}", drawn, THROUGH, first=True)


def sweep(axes: Axes, through: Through) -> None:
    """Draw predictions in and around a gap, with the gap shaded."""
    start, end = through.gap
    margin = MARGIN * (end - start)
    low, high = start - margin, end + margin
    both = [each.of(through.field, MODEL) for each in (through.inside, through.outside)]
    truth, answers = (np.concatenate(part) for part in zip(*both, strict=True))
    near = (truth >= low) & (truth <= high)
    axes.axvspan(start, end, color=BLUE, alpha=SHADE / 2, linewidth=0, label="gap of the training")
    edge = (low - 2 * margin, high + 2 * margin)
    points(axes, truth[near], answers[near], BLUE, METHODS[MODEL], edge)
    perfect(axes, np.array([low, high]))
    axes.set(xlim=(low, high), ylim=(edge[0] - margin / 5, edge[1] + margin / 5))


def add_errors(report: Report, sets: Sequence[Comparison]) -> None:
    """Median relative error against the magnitude of the true number."""
    fields = list(dict.fromkeys(field for compared in sets for field in compared.found))
    with panels(len(fields), 2.4) as (drawn, every):
        for axes, field in zip(every, fields, strict=True):
            for number, compared in enumerate(sets):
                if field in compared.found:
                    sizes, errors = by_size(*compared.of(field, MODEL))
                    color, name = PALETTE[number % len(PALETTE)], title(compared.name)
                    axes.plot(sizes, errors, "o-", color=color, markersize=4, label=name)
            axes.set(xlabel=f"size of the true {label(field)} {UNIT}", yscale="log")
            if axes.dataLim.x1 > WIDELY * axes.dataLim.x0:
                axes.set_xscale("log")
        every[0].set_ylabel("relative error, median (no unit)")
        add_legend(drawn, 4)
    report.add_figure(
        "Error by size",
        drawn,
        "In bins of as many answers each; zeros are left out, and an answer that is no number is "
        "wrong by 100 %.",
    )


def by_size(truth: Flat, answers: Flat) -> tuple[Bins, Bins]:
    """Median relative error in bins with equal counts.

    Args:
        truth: True numbers.
        answers: Predictions; NaN where there is none.

    Returns:
        Median magnitude and median error of each bin.
    """
    there = truth != 0
    if not there.any():
        return np.empty(0), np.empty(0)
    sizes = np.abs(truth[there])
    error = np.abs(answers[there] - truth[there]) / sizes
    error = np.where(np.isnan(error), 1.0, error)
    order = np.argsort(sizes, kind="stable")
    parts = np.array_split(order, max(1, min(BINS, len(order) // FEW)))
    middle = [np.median(sizes[part]) for part in parts]
    return np.array(middle), np.array([max(np.median(error[part]), EXACT) for part in parts])


def points(
    axes: Axes,
    truth: Flat,
    answers: Flat,
    color: str,
    name: str,
    edge: tuple[float, float] | None = None,
) -> None:
    """Draw predictions over true values, clipped to the plot's edge."""
    step = max(1, len(truth) // SCATTERED)
    low, high = edge or (truth.min(), truth.max())
    shown = np.clip(answers[::step], low, high)
    size = 2 if len(shown) > MANY else 5
    axes.plot(truth[::step], shown, ".", color=color, markersize=size, label=name)


def perfect(axes: Axes, truth: Flat) -> None:
    """Draw the line of perfect predictions."""
    ends = [truth.min(), truth.max()]
    axes.plot(ends, ends, color=INK, linewidth=0.8, label="perfect answer")


@contextmanager
def panels(count: int, height: float) -> Iterator[tuple[Figure, list[Axes]]]:
    """Open a figure with several panels, in rows of ``ACROSS``.

    Args:
        count: Number of panels.
        height: Height of each panel in inches.

    Yields:
        The figure and its panels.
    """
    columns = min(ACROSS, count)
    rows = math.ceil(count / columns)
    width = WIDE if columns > 1 else NARROW
    with figure(0.5 + (height if columns > 1 else 3.2) * rows, width) as drawn:
        every = list(drawn.subplots(rows, columns, squeeze=False).flat)
        for axes in every[count:]:
            axes.set_visible(False)
        yield drawn, every[:count]
