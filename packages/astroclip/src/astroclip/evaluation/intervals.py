"""Predictions for single galaxies, with intervals of split conformal prediction."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float, Float64

from astroclip.evaluation import tables
from astroclip.evaluation.probes import Answers, is_class, known
from astroclip.inference.embedding_files import Embeddings
from astroclip.metrics import REDSHIFT
from sciformer.data.splits import split_by_id
from sciformer.evaluation.conformal import half_width, half_widths
from sciformer.files import write_atomically
from sciformer.report.html import Cell, number, percent
from sciformer.report.report import Report

HALVES = {"even": 0.5, "odd": 0.5}
FEWEST = 18  # galaxies: 9 in each half
NOTE = (
    "predictions.parquet has them for every galaxy that is not in the bank of a label. Half width: "
    "the median. The reading is the one with the narrowest interval. Coverage is measured on "
    "galaxies with a known label: the errors of one half set the intervals of the other, in up to "
    "five bins of the predicted redshift (without one, of the prediction)."
)

Values = Float[np.ndarray, " galaxies"]
Known = Bool[np.ndarray, " galaxies"]


class Predicted(NamedTuple):
    """Predictions of a label for galaxies.

    Args:
        label: Name of the label.
        way: Method of the predictions.
        ids: Ids of the galaxies.
        answers: Predictions.
        half: Half widths of the 90 % intervals; NaN if too few galaxies have a known label.
        truth: True values; NaN where unknown.
    """

    label: str
    way: str
    ids: Sequence[str]
    answers: Values
    half: Values
    truth: Values

    @property
    def coverage(self) -> float:
        """Share of the known values that are in their intervals."""
        there = np.isfinite(self.truth)
        return float(np.mean(abs(self.answers - self.truth)[there] <= self.half[there]))


def narrowest(every: Embeddings, asked: int, found: Iterable[Answers]) -> Iterator[Predicted]:
    """Predict each numeric label by the method with the narrowest interval.

    Intervals are set in bins of the redshift that the same method predicts, so that they hold at
    every redshift; without a redshift among the labels, in bins of the prediction itself.

    Args:
        every: Galaxies with predictions.
        asked: How many of them, the first, are not in the bank; others only where their label is
            unknown.
        found: Predictions of every galaxy, by several methods.

    Yields:
        Predictions with intervals, one for each label.
    """
    by_label: dict[str, list[Answers]] = {}
    for each in found:
        if not is_class(every, each.label):
            by_label.setdefault(each.label, []).append(each)
    first = np.arange(len(every.ids)) < asked
    redshifts = {each.way: each for each in by_label.get(REDSHIFT, ())}
    for label, ways in by_label.items():
        truth, there = every.labels[label].astype(np.float64), known(every, label)
        aside = there & first
        if aside.sum() < FEWEST:
            few = f"{label}: {aside.sum()} galaxies to learn its errors from: no intervals"
            warnings.warn(f"{few}; {FEWEST} are needed", stacklevel=2)
        best = min(ways, key=partial(_width, truth, aside))
        by = redshifts.get(best.way, best).values
        half = _half_widths(every.ids, by, abs(best.values - truth), aside)
        rows = np.flatnonzero(first | ~there)
        ids = [every.ids[row] for row in rows.tolist()]
        yield Predicted(label, best.way, ids, best.values[rows], half[rows], truth[rows])


def _width(truth: Values, aside: Known, answers: Answers) -> float:
    """Half width of one interval for all; the mean error where there are too few galaxies."""
    errors = abs(answers.values - truth)[aside]
    width = half_width(errors)
    return float(errors.mean()) if np.isnan(width) else width


def _half_widths(
    ids: Sequence[str], by: Values, errors: Values, aside: Known
) -> Float64[np.ndarray, " galaxies"]:
    """Half widths: for galaxies set aside from the other half of these, for others from all."""
    places = np.flatnonzero(aside)
    if len(places) < FEWEST:
        return np.full(len(by), np.nan)
    half = half_widths(by[places], errors[places], by)
    half[places] = crossed([ids[place] for place in places.tolist()], by[places], errors[places])
    return half


def crossed(ids: Sequence[str], by: Values, errors: Values) -> Float64[np.ndarray, " galaxies"]:
    """Half widths of each half of some galaxies from the errors of the other half.

    Args:
        ids: Ids, which decide the half.
        by: The number that bins the galaxies.
        errors: Absolute errors of their predictions.

    Returns:
        Half widths of 90 % intervals.
    """
    half = np.empty(len(ids))
    parts = split_by_id(ids, HALVES)
    one, other = (parts[name] for name in HALVES)
    for here, there in ((one, other), (other, one)):
        half[here] = half_widths(by[there], errors[there], by[here])
    return half


def add_intervals(report: Report, found: Sequence[Predicted]) -> None:
    """Add widths and coverage of the intervals to a report."""
    sure = [each for each in found if np.isfinite(each.half).any()]
    rows: list[list[Cell]] = []
    for each in sure:
        wide, count = float(np.median(each.half)), int(np.isfinite(each.truth).sum())
        report.add_metrics({f"{each.label}/interval/half_width": wide})
        report.add_metrics({f"{each.label}/interval/coverage": each.coverage})
        name, way = tables.name(each.label), tables.said(each.way)
        rows.append([name, way, number(wide), percent(each.coverage, 1), count])
    if rows:
        heads = ["Property", "Read off", "half width", "coverage", "galaxies"]
        report.add_table("Intervals of 90 %", heads, rows, NOTE)


def write_predictions(path: Path, found: Sequence[Predicted]) -> None:
    """Write predictions as a parquet file, a row for each galaxy and label.

    Args:
        path: Output file, with columns id, label, prediction, lower, upper and truth.
        found: Predictions of each label.
    """
    parts = [
        pa.table(
            {
                "id": pa.array(each.ids, pa.string()),
                "label": pa.array([each.label] * len(each.ids), pa.string()),
                "prediction": each.answers,
                "lower": each.answers - each.half,
                "upper": each.answers + each.half,
                "truth": each.truth,
            }
        )
        for each in found
    ]
    write_atomically(path, lambda place: pq.write_table(pa.concat_tables(parts), place))
