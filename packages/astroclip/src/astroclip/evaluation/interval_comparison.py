"""Intervals of the network and of baselines on the same galaxies, by the same method."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from astroclip.evaluation import tables
from astroclip.evaluation.intervals import FEWEST, crossed
from astroclip.evaluation.probes import BASELINE, Reading
from astroclip.metrics import REDSHIFT
from sciformer.evaluation.conformal import BINS, LEAST
from sciformer.report.html import Cell, number, percent
from sciformer.report.report import Report

RIVALS = ("baseline_photometry", "baseline_pca")
NOTE = (
    "Split conformal prediction: the errors of one half of the galaxies set the intervals of the "
    "other, in up to five bins of the redshift that the same method predicts. Half width: the "
    "median. By redshift: the lowest and the highest coverage in five bins of the predicted and of "
    "the true redshift. Of the network: the narrowest of each modality."
)


class Intervals(NamedTuple):
    """Intervals of 90 % of one property by one method.

    Args:
        label: Name of the property.
        way: Method.
        width: Median half width.
        coverage: Share of the true values inside.
        by_redshift: Lowest and highest coverage in bins of the redshift that the method predicts.
        by_true: The same in bins of the true redshift, which no interval can know.
    """

    label: str
    way: str
    width: float
    coverage: float
    by_redshift: tuple[float, float]
    by_true: tuple[float, float]


def intervals(ids: Sequence[str], found: Sequence[Reading]) -> list[Intervals]:
    """Intervals of every property that all galaxies have, by the best readings and by baselines.

    Args:
        ids: Ids of the test galaxies.
        found: Predictions, those of a redshift among them.

    Returns:
        For each property: by the network from images, from spectra, and by each baseline.
    """
    whole = [each for each in found if not each.is_class and len(each.truth) == len(ids)]
    redshifts = {each.way: each for each in whole if each.label == REDSHIFT}
    true = next((each.truth for each in redshifts.values()), None)
    chosen: list[Intervals] = []
    for label in dict.fromkeys(each.label for each in whole) if len(ids) >= FEWEST else ():
        own = [
            _intervals(ids, each, redshifts.get(each.way, each).answers, true)
            for each in whole
            if each.label == label
        ]
        for kind in ("image", "spectrum"):
            ways = [e for e in own if e.way.startswith(kind) and not e.way.startswith(BASELINE)]
            chosen += sorted(ways, key=lambda each: each.width)[:1]
        chosen += [each for each in own if each.way in RIVALS]
    return chosen


def _intervals(
    ids: Sequence[str], read: Reading, redshift: np.ndarray, true: np.ndarray | None
) -> Intervals:
    errors = abs(read.answers - read.truth)
    half = crossed(ids, redshift, errors)
    inside = errors <= half
    width, share = float(np.median(half)), float(inside.mean())
    known = redshift if true is None else true
    return Intervals(
        read.label, read.way, width, share, _extremes(inside, redshift), _extremes(inside, known)
    )


def _extremes(inside: np.ndarray, redshift: np.ndarray) -> tuple[float, float]:
    """Lowest and highest coverage in bins with equally many galaxies."""
    count = min(BINS, max(1, len(inside) // LEAST))
    at = np.searchsorted(np.quantile(redshift, np.arange(1, count) / count), redshift, "right")
    shares = [float(inside[at == one].mean()) for one in range(count) if (at == one).any()]
    return min(shares), max(shares)


def add_comparison(report: Report, ids: Sequence[str], read: Sequence[Reading]) -> None:
    """Add widths and coverage of all intervals to a report."""
    rows: list[list[Cell]] = []
    for each in intervals(ids, read):
        numbers = {"half_width": each.width, "coverage": each.coverage}
        numbers |= dict(zip(("lowest_bin", "highest_bin"), each.by_redshift, strict=True))
        numbers |= dict(zip(("lowest_true_bin", "highest_true_bin"), each.by_true, strict=True))
        bins = [
            f"{percent(low, 1)} to {percent(high, 1)}"
            for low, high in (each.by_redshift, each.by_true)
        ]
        report.add_metrics(
            {f"{each.label}/interval/{name}/{each.way}": v for name, v in numbers.items()}
        )
        name, way = tables.name(each.label), tables.said(each.way)
        rows.append([name, way, number(each.width), percent(each.coverage, 1), *bins])
    if rows:
        heads = [
            "Property",
            "Read off",
            "half width",
            "coverage",
            "by redshift",
            "by true redshift",
        ]
        report.add_table("Intervals of 90 %", heads, rows, f"{len(ids)} galaxies. {NOTE}")
