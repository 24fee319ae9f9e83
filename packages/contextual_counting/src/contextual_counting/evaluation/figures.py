"""Figures of an evaluation: accuracy per region, predicted against true counts, attention."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.axes import Axes

from contextual_counting.data.datamodule import Batch
from contextual_counting.simulate.sequences import CLOSE, ONE, OPEN, ZERO
from sciformer.report.figures import (
    BASELINE,
    BLUE,
    INK,
    PALETTE,
    PAPER,
    PURPLE,
    SHADE,
    VERMILION,
    WIDE,
    add_legend,
    figure,
)
from sciformer.report.report import Report

if TYPE_CHECKING:
    from contextual_counting.evaluation.predictions import Answers
    from contextual_counting.module import CountingModule

SCATTERED = 500  # sequences per set in the scatter plots
KINDS = {
    "1": (ONE, BLUE),
    "0": (ZERO, BASELINE),
    "[ or ]": (OPEN, VERMILION),
    "beginning": (4, PURPLE),
}


def add_accuracy(report: Report, sets: Sequence["Answers"], numbers: dict[str, float]) -> None:
    """Accuracy per region and set, with the best constant prediction."""
    step = 0.8 / max(4, *(answers.setting.regions for answers in sets))
    with figure(3.2, WIDE) as drawn:
        axes = drawn.add_subplot()
        for column, answers in enumerate(sets):
            regions = answers.setting.regions
            places = column + (np.arange(regions) - (regions - 1) / 2) * step
            keys = [f"{answers.name}/top1/region{region}" for region in range(regions)]
            constant = [100 * numbers[f"{key}/baseline_constant"] for key in keys]
            for region, (place, key) in enumerate(zip(places, keys, strict=True)):
                axes.bar(
                    place, 100 * numbers[key], 0.9 * step, label=f"region {region + 1}",
                    color=PALETTE[region % 6], hatch="///" * (region // 6), edgecolor=PAPER,
                )  # fmt: skip
            axes.plot(places, constant, "_", color=INK, markersize=9, label="best constant answer")
        names = [f"{a.name}\n({'outside' if a.outside else 'inside'})" for a in sets]
        axes.set_xticks(range(len(sets)), names)
        axes.grid(False, axis="x")
        axes.set_ylim(0, 100)
        axes.set_ylabel("exact counts (% of sequences)")
        add_legend(drawn, 5)
    report.add_figure(
        "Accuracy per region and set",
        drawn,
        "Share of sequences whose count is exactly right. Below each set: whether it lies inside "
        "the lengths, numbers of regions and densities of this run's training.",
    )


def add_scatter(report: Report, sets: Sequence["Answers"]) -> None:
    """Predicted against true counts, one panel per set."""
    with figure(2.2, WIDE) as drawn:
        panels = drawn.subplots(1, len(sets), squeeze=False)[0]
        for axes, answers in zip(panels, sets, strict=True):
            most = 1.05 * max(
                1, answers.counts[:SCATTERED].max(), answers.ranked[:SCATTERED, :, 0].max()
            )
            axes.plot([0, most], [0, most], color=BASELINE, linewidth=0.8, label="perfect count")
            pairs = np.stack([answers.counts, answers.ranked[..., 0]])[:, :SCATTERED]
            for region in range(answers.setting.regions):
                points = np.unique(pairs[:, :, region], axis=1)  # many sequences give the same
                points = points[:, points[0] >= 0]  # others have no such region
                color, name = PALETTE[region % 6], f"region {region + 1}"
                axes.plot(*points, ".", markersize=3, color=color, label=name)
            axes.set(title=answers.name, xlabel="true count (1s)", aspect="equal")
            axes.set(xlim=(0, most), ylim=(0, most))
        panels[0].set_ylabel("predicted count (1s)")
        add_legend(drawn, 5, marks=3)
    report.add_figure(
        "Predicted against true counts",
        drawn,
        f"The first {SCATTERED} sequences of each set.",
    )


@torch.no_grad()
def add_attention(report: Report, module: "CountingModule", batch: Batch) -> None:
    """Attention of the decoder over the first sequence of a batch, one panel per region."""
    batch, regions = Batch(*(part[:1] for part in batch)), batch.counts.shape[1]
    given = batch.tokens.to(module.device)
    encoded = module.model.encoder(given)
    weights = module.model.decoder.attention.weights(encoded, queries=regions)[0].mean(0)
    tokens = module.model.encoder.with_begin(given)[0].cpu().numpy()
    answers = module(given, regions).argmax(-1)[0]
    with figure(1.2 + 1.1 * regions, WIDE) as drawn:
        panels = drawn.subplots(regions, 1, sharex=True, squeeze=False)[:, 0]
        for region, axes in enumerate(panels):
            _attention(axes, tokens, weights[region].cpu().numpy(), region)
            axes.set_ylabel(f"weight from\nregion {region + 1}")
            axes.set_title(
                f"answer {answers[region]}, true {batch.counts[0, region]}", loc="right", fontsize=9
            )
        panels[-1].set_xlabel("position in the sequence (tokens)")
        add_legend(drawn, 6)
    report.add_figure(
        "Attention over one sequence",
        drawn,
        "Weight that each region's prompt puts on every token. A ratio of the 1s in a region to a "
        "constant rest is what encodes the count.",
        first=True,
    )


def _attention(axes: Axes, tokens: np.ndarray, weights: np.ndarray, region: int) -> None:
    opens, closes = np.flatnonzero(tokens == OPEN), np.flatnonzero(tokens == CLOSE)
    for index, (first, last) in enumerate(zip(opens.tolist(), closes.tolist(), strict=True)):
        own, name = (SHADE, "its region") if index == region else (SHADE / 2.5, "another region")
        axes.axvspan(first, last, color=BLUE, alpha=own, linewidth=0, label=name)
    for name, (token, color) in KINDS.items():
        chosen = (tokens == token) | ((token == OPEN) & (tokens == CLOSE))
        places = np.flatnonzero(chosen)
        if len(places):
            axes.vlines(places, 0, weights[places], color=color, linewidth=1.2, label=name)
    axes.set_xlim(-0.5, len(tokens) - 0.5)
    axes.set_ylim(0, None)
    axes.grid(False, axis="x")
