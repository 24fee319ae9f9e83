"""Figures of the circuit analysis."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from torch import Tensor

from contextual_counting.analysis.attribution import Attribution
from contextual_counting.analysis.effective_values import Values
from contextual_counting.analysis.encoder_attention import Planes
from contextual_counting.analysis.principal_components import Components
from contextual_counting.analysis.token_kinds import CLASSES, KINDS
from sciformer.report.figures import (
    BASELINE,
    BLUE,
    INK,
    NARROW,
    PALETTE,
    PAPER,
    WIDE,
    add_legend,
    figure,
)

SHADES = (*PALETTE, BASELINE)
HATCHES = ("", "////", "....")  # for more things than there are colors
MARKS = ("o", "s", "^")
DIVERGING = "RdBu_r"


def bias_bars(found: Attribution) -> Figure:
    """Composition of each region's bias by kind of token."""
    rest = found.rest
    shares = (rest / rest.sum(1, keepdim=True)).nan_to_num().numpy()  # a region may have no 1s
    regions = len(shares)
    with figure(1.3 + 0.36 * regions, WIDE) as drawn:
        axes = drawn.add_subplot()
        left = np.zeros(regions)
        for kind in range(1, len(KINDS)):
            width = 100 * shares[:, kind]
            label = KINDS[kind] if width.max() > 1 else None
            again, shade = divmod(kind - 1, len(SHADES))
            axes.barh(
                range(regions), width, 0.7, left, color=SHADES[shade], hatch=HATCHES[again],
                edgecolor=PAPER, linewidth=0.4, label=label,
            )  # fmt: skip
            left += width
        axes.set_yticks(range(regions), [f"region {r + 1}" for r in range(regions)])
        axes.invert_yaxis()
        axes.set(xlim=(0, 100), xlabel="share of what a count is compared with (%)")
        axes.grid(False)
        drawn.legend(loc="outside upper center", ncols=6)
    return drawn


def stacks(shares: Mapping[str, Sequence[float]], names: Sequence[str]) -> Figure:
    """Stacked horizontal bars of fractions.

    Args:
        shares: Bar -> fractions, in the order of the names.
        names: Names of the fractions.

    Returns:
        The figure.
    """
    with figure(0.9 + 0.36 * len(shares), WIDE) as drawn:
        axes = drawn.add_subplot()
        left = [0.0] * len(shares)
        for index, name in enumerate(names):
            width = [100 * row[index] for row in shares.values()]
            axes.barh(range(len(shares)), width, 0.7, left, color=PALETTE[index], label=name)
            left = [a + b for a, b in zip(left, width, strict=True)]
        axes.set_yticks(range(len(shares)), list(shares))
        axes.invert_yaxis()
        axes.set(xlim=(0, 100), xlabel="share of what a count is compared with (%)")
        axes.set_ylabel("random in training")
        axes.grid(False)
        drawn.legend(loc="outside upper center", ncols=len(names))
    return drawn


def bracket_maps(shares: Float[Tensor, "2 regions regions"]) -> Figure:
    """Attention of each prompt on each bracket, as matrices."""
    with figure(2.7, WIDE) as drawn:
        panels = drawn.subplots(1, 2)
        for axes, table, name in zip(panels, 100 * shares.numpy(), "[]", strict=True):
            _matrix(axes, table, _numbers(table.shape[1], name), _numbers(len(table), "prompt "))
            axes.set(xlabel="bracket attended to", title=f"attention on {name} (%)")
    return drawn


def predictions(rows: Sequence[tuple[str, int, float, float]]) -> Figure:
    """Predicted against measured accuracy; rows are (set, region, predicted, measured)."""
    names = list(dict.fromkeys(row[0] for row in rows))
    with figure(3.6, NARROW) as drawn:
        axes = drawn.add_subplot()
        axes.plot([0, 100], [0, 100], color=BASELINE, linewidth=0.8, label="as predicted")
        for index, name in enumerate(names):
            points = np.array([row[2:] for row in rows if row[0] == name])
            again, shade = divmod(index, len(SHADES))
            mark, color = MARKS[again], SHADES[shade]
            axes.plot(*(100 * points.T), mark, markersize=6, color=color, label=name)
        axes.set(xlim=(-3, 103), ylim=(-3, 103), aspect="equal")
        axes.set(xlabel="predicted exact counts (%)", ylabel="measured exact counts (%)")
        drawn.legend(loc="outside right center")
    return drawn


def score_matrix(scores: Float[Tensor, "classes classes"]) -> Figure:
    """Encoder attention scores between token classes."""
    with figure(3.0, NARROW) as drawn:
        axes = drawn.add_subplot()
        _matrix(axes, scores.numpy(), CLASSES, CLASSES)
        axes.set(xlabel="token attended to", ylabel="token that attends")
    return drawn


def leaks(found: Mapping[str, Float[Tensor, " regions"]]) -> Figure:
    """Encoder attention of 1s on 0s and 1s, per set and region."""
    with figure(2.4, NARROW) as drawn:
        axes = drawn.add_subplot()
        for column, shares in enumerate(found.values()):
            places = column + (np.arange(len(shares)) - (len(shares) - 1) / 2) * 0.18
            names, colors = _numbers(len(shares), "region "), _colors(len(shares))
            axes.bar(places, 100 * shares.numpy(), 0.16, color=colors, label=names)
        axes.set_xticks(range(len(found)), list(found))
        axes.set_ylabel("attention on 0s and 1s (%)")
        axes.grid(False, axis="x")
        add_legend(drawn, 4)
    return drawn


def planes(titles: Sequence[str], found: Sequence[Components], regions: int) -> Figure:
    """Scatter plots of 1s in their first two principal components, by region."""
    with figure(3.4, WIDE) as drawn:
        panels = drawn.subplots(1, len(found))
        for axes, title, components in zip(panels, titles, found, strict=True):
            places = components.place.numpy()
            for place in sorted(np.unique(places), key=lambda p: (abs(p), p < 0)):
                points = components.plane.numpy()[places == place]
                inside = place > 0
                color = PALETTE[(abs(place) - 1) % 6] if place else INK
                label = _place_name(int(place), regions)
                style = {"marker": "o" if inside else "x", "linestyle": "none", "markersize": 4}
                axes.plot(*points.T, **style, color=color, alpha=0.6, label=label)
            first, second = 100 * components.explained.numpy()
            axes.set(xlabel=f"component 1 ({first:.1f} %)", ylabel=f"component 2 ({second:.1f} %)")
            axes.set_title(title)
        add_legend(drawn, 5, "outside lower center")
    return drawn


def values(found: Sequence[Values], most: int) -> Figure:
    """Effective values: logits under full attention on own 1s or on all other tokens."""
    with figure(2.6, WIDE) as drawn:
        panels = drawn.subplots(1, 2)
        for region, value in enumerate(found):
            color = PALETTE[region % 6]
            panels[0].plot(value.own[: most + 1], color=color, label=f"region {region + 1}")
            panels[1].plot(value.rest[: most + 1], color=color)
        panels[0].set(title="its own 1s", ylabel="effective value (logits)", xlabel="count (1s)")
        panels[1].set(title="all else", xlabel="count (1s)")
        add_legend(drawn, 6)
    return drawn


def formula(
    found: Sequence[Values], seen: Sequence[tuple[np.ndarray, np.ndarray]], most: int
) -> Figure:
    """Probability of the answer by the formula and by the network; one panel per region."""
    with figure(2.3, WIDE) as drawn:
        panels = drawn.subplots(1, len(found), sharey=True, squeeze=False)[0]
        for axes, value, (counts, chances), region in zip(
            panels, found, seen, range(len(found)), strict=True
        ):
            every = torch.arange(most + 1)
            chance = value.logits(every).softmax(1)[every, every]
            axes.plot(counts, 100 * chances, ".", markersize=3, color=BLUE, label="network")
            axes.plot(100 * chance, color=INK, linewidth=1, label="equation 3")
            axes.set(title=f"region {region + 1}", xlabel="true count (1s)", ylim=(-3, 103))
        panels[0].set_ylabel("probability of it (%)")
        add_legend(drawn, 2, marks=3)
    return drawn


def hidden(changes: Float[Tensor, "kinds regions"]) -> Figure:
    """Change of the counts when a kind of token is hidden from the decoder."""
    percent = 100 * changes.numpy()
    with figure(0.9 + 0.3 * len(percent), NARROW) as drawn:
        axes = drawn.add_subplot()
        shown = np.clip(percent, -100, 100)
        _matrix(axes, shown, _numbers(percent.shape[1], "region "), KINDS, written=percent)
        axes.set_title("change of the count without the kind (%)")
    return drawn


def rotary(found: Planes) -> Figure:
    """Strength of each rotary plane in the score between a 1 and a ``[``."""
    with figure(2.6, NARROW) as drawn:
        axes = drawn.add_subplot()
        axes.plot(found.wavelength, found.strength, "o-", markersize=4)
        axes.set(xscale="log", ylim=(0, None))
        axes.set(xlabel="wavelength of the plane (tokens)", ylabel="largest score in it (logits)")
    return drawn


def position_map(scores: Float[Tensor, "query key"]) -> Figure:
    """Scores between a 1 and a ``[`` by their learned positions."""
    every = max(1, len(scores) // 128)
    with figure(3.6, NARROW) as drawn:
        axes = drawn.add_subplot()
        extent = (0, len(scores), len(scores), 0)
        image = axes.imshow(scores[::every, ::every].numpy(), extent=extent, aspect="equal")
        axes.grid(False)
        axes.set(xlabel="position of the [ attended to", ylabel="position of the 1 that attends")
        drawn.colorbar(image, label="score (logits)", shrink=0.8)
    return drawn


def _matrix(
    axes: Axes,
    table: np.ndarray,
    columns: Sequence[str],
    rows: Sequence[str],
    written: np.ndarray | None = None,
) -> None:
    """Heat map with its numbers."""
    size = max(1.0, float(np.nanmax(np.abs(table))))  # what is written as 0.0 is pale
    axes.imshow(table, cmap=DIVERGING, norm=TwoSlopeNorm(0, -size, size), aspect="auto")
    for (row, column), value in np.ndenumerate(table if written is None else written):
        dark = abs(table[row, column]) > 0.6 * size
        text = f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"
        color = "#ffffff" if dark else "#222222"  # the cells have their colors on any page
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(False)


def _numbers(count: int, name: str) -> list[str]:
    return [f"{name}{index + 1}" for index in range(count)]


def _colors(count: int) -> list[str]:
    return [PALETTE[index % 6] for index in range(count)]


def _place_name(place: int, regions: int) -> str:
    if place > 0:
        return f"in region {place}"
    return "before" if not place else f"after {-place}"
