"""Strip plots like those of the paper's figures 2 to 4, and the seeds of one configuration."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from contextual_counting.studies.paper_grid import POSITIONS, Arm, Spread
from sciformer.report.figures import (
    BASELINE,
    BLUE,
    INK,
    PALETTE,
    VERMILION,
    WIDE,
    add_legend,
    figure,
)

SHIFT = 0.17  # of points of the same arm to the side, so that they do not hide each other


def strips(
    ours: Mapping[Arm, Sequence[float]], theirs: Mapping[Arm, Spread], chance: float
) -> Figure:
    """Accuracy of all arms, one panel per mask.

    Args:
        ours: Results by arm.
        theirs: The paper's best and median results.
        chance: Accuracy of the best constant prediction.

    Returns:
        The figure.
    """
    with figure(4.6, WIDE) as drawn:
        panels = drawn.subplots(2, 1, sharex=True)
        for axes, causal in zip(panels, (True, False), strict=True):
            axes.axhline(
                100 * chance, color=BASELINE, linewidth=0.8, linestyle="--", label="best constant"
            )
            _panel(axes, causal, ours, theirs)
            axes.set(ylim=(-3, 103), ylabel="exact counts (%)")
            axes.set_title("causal" if causal else "non-causal", loc="left")
        names = list(POSITIONS.values())
        panels[1].set_xticks([3 * index + 0.5 for index in range(len(names))], names)
        add_legend(drawn, 5)
    return drawn


def seeds_in_order(worst: Mapping[str, Sequence[float]], bounds: Mapping[str, float]) -> Figure:
    """Accuracy of the worst region of every seed, sorted, one line per set.

    Args:
        worst: Set -> accuracies, one per seed.
        bounds: Set -> accuracy from which a seed counts as solved.

    Returns:
        The figure.
    """
    with figure(2.8) as drawn:
        axes = drawn.add_subplot()
        for index, (name, values) in enumerate(worst.items()):
            color = PALETTE[index % len(PALETTE)]
            axes.plot(
                range(1, len(values) + 1), [100 * value for value in sorted(values)],
                "o-", color=color, markersize=4, linewidth=0.8, label=name,
            )  # fmt: skip
            axes.axhline(100 * bounds[name], color=color, linewidth=0.8, linestyle="--")
        axes.set(xlabel="seeds, worst first", ylabel="exact counts, worst region (%)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        add_legend(drawn, 4)
    return drawn


def _panel(
    axes: Axes, causal: bool, ours: Mapping[Arm, Sequence[float]], theirs: Mapping[Arm, Spread]
) -> None:
    """Three columns per encoding: with a beginning token, without, and a gap."""
    for begin, color in ((True, BLUE), (False, VERMILION)):
        label = "with beginning token" if begin else "without"
        x, y, best, median = [], [], [], []
        for index, positions in enumerate(POSITIONS):
            arm, place = Arm(causal, positions, begin), 3 * index + (not begin)
            for number, value in enumerate(ours.get(arm, ())):
                x.append(place + SHIFT * (number % 4 - 1.5))
                y.append(100 * value)
            if arm in theirs:
                best.append((place, 100 * theirs[arm].best))
                median += [(place, 100 * m) for m in [theirs[arm].median] if m is not None]
        axes.plot(x, y, "o", color=color, markersize=4, alpha=0.7, label=label)
        for points, mark, name in ((best, "_", "paper: best"), (median, "x", "paper: median")):
            shown = name if begin else None
            where, height = np.reshape(points, (-1, 2)).T  # there may be none
            axes.plot(where, height, mark, color=INK, markersize=7, label=shown)
    axes.grid(False, axis="x")
