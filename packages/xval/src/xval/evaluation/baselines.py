"""Baselines: mean, linear regression, gradient boosting, persistence, climatology.

Baselines see the same input as the network: all numbers except the targets.
"""

import warnings
from collections.abc import Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from xval.data.dates import moment
from xval.evaluation.number_tables import Group, groups, labels_of
from xval.evaluation.regression import Regression, boosting, linear
from xval.nn.intervals import LEVELS
from xval.nn.quantiles import levels

if TYPE_CHECKING:
    from xval.data.datamodule import TextData

YEAR, WEEK = 366, 7  # days
UNKNOWN = -1  # the number of a pattern that the training does not ask for
KNOWN = "description.known."  # what a station's text says of the season, see read_station

QUANTILES = "quantile_boosting"

Flat = Float64[np.ndarray, " answers"]
Answered = Float64[np.ndarray, "texts asked"]


class Predicted(NamedTuple):
    """Predictions of a baseline.

    Args:
        numbers: A prediction for each target number; NaN where it has none.
        quantiles: Quantiles of each, of ten levels; of none, if it predicts no quantiles.
    """

    numbers: Flat
    quantiles: Float64[np.ndarray, "answers levels"]


class Baselines:
    """All baselines, fitted to the training texts.

    ``mean``: the training mean. ``linear``: linear regression on the other numbers of the text,
    with the training mean and an indicator for one that is missing. ``boosting``: gradient boosting
    on the same numbers. ``quantile_boosting``: gradient boosting of ten quantiles, where texts are
    rows of files. ``persistence``: the number in the previous row; ``climatology``: the mean of the
    training numbers within a week of the day of the year, at the same station if there is one;
    ``normals``: the mean of the seasonal normals in the text; these three only where a text has
    such numbers or a date.

    Args:
        training: Data whose training texts to fit to.
    """

    def __init__(self, training: "TextData") -> None:
        self.training = training
        trained = groups(training, np.concatenate([np.empty(0, np.int64), *_train(training)]))
        fits = {"linear": linear, "boosting": boosting}
        if training.hparams.get("files"):
            fits |= {level: partial(boosting, level=level) for level in levels(LEVELS).tolist()}
        self.regressions = {name: Regression(trained, fit) for name, fit in fits.items()}
        self.means, self.seasons = _means(training), _Seasons(training, trained)

    def answer(self, data: "TextData", texts: Int64[np.ndarray, " texts"]) -> dict[str, Predicted]:
        """Predict all target numbers by every baseline.

        Args:
            data: Data of the texts.
            texts: Indices of the texts in the corpus.

        Returns:
            Baseline -> predictions, in the order of texts and of the numbers in them; NaN where it
            has none. A baseline without any prediction is omitted.
        """
        known = {pattern: number for number, pattern in enumerate(self.training.patterns)}
        numbers = np.array([known.get(pattern, UNKNOWN) for pattern in data.patterns], np.int64)
        asked = groups(data, texts)
        size = sum(group.places.size for group in asked)
        found: dict[str | float, Flat] = {}
        for group in asked:
            patterns = numbers[group.asked[group.hidden]]
            answers: dict[str | float, Answered | None] = {
                "mean": np.broadcast_to(self.means[patterns], group.places.shape),
                **{name: each.answer(group) for name, each in self.regressions.items()},
                "persistence": _persistence(group),
                "climatology": self.seasons.answer(data, group, patterns),
                "normals": _normals(group),
            }
            for name, values in answers.items():
                if values is not None:
                    flat = found.setdefault(name, np.full(size, np.nan))
                    flat[group.places] = values
        nothing = [name for name, flat in found.items() if np.isnan(flat).all()]
        if said := [name for name in nothing if isinstance(name, str)]:
            line = f"{', '.join(said)}: no answer from the training texts: left out"
            warnings.warn(line, stacklevel=2)
        return _predicted({name: flat for name, flat in found.items() if name not in nothing})


def _predicted(found: dict[str | float, Flat]) -> dict[str, Predicted]:
    """Baselines by name, those of the quantiles together and in order."""
    each = [flat for level, flat in found.items() if not isinstance(level, str)]
    none = np.empty((len(next(iter(found.values()), ())), 0))
    told = {name: Predicted(flat, none) for name, flat in found.items() if isinstance(name, str)}
    if each:
        rising = np.sort(np.stack(each, 1), 1)  # fitted one by one, they may cross
        told[QUANTILES] = Predicted(np.median(rising, 1), rising)
    return told


def _train(data: "TextData") -> list[Int64[np.ndarray, " texts"]]:
    return list(data.texts["train"].values())


def _means(data: "TextData") -> Float64[np.ndarray, " patterns_and_unknown"]:
    """Training mean of each pattern, then NaN for patterns that the training does not have."""
    if not _train(data):
        return np.full(len(data.patterns) + 1, np.nan)
    values, _, asked = data.train_numbers()
    mine = [values[asked == k].astype(np.float64) for k in range(len(data.patterns))]
    return np.array([each.mean() if len(each) else np.nan for each in mine] + [np.nan])


def _persistence(group: Group) -> Answered | None:
    """Repeat the number of the same column in the last given row."""
    place = {name: k for k, name in enumerate(group.names) if not group.hidden[k]}
    asked = zip(group.names, group.fields, group.hidden, strict=True)
    before = [
        None if name == field else _last(name, place) for name, field, hidden in asked if hidden
    ]
    if all(k is None for k in before):
        return None
    columns = [np.nan if k is None else group.values[:, k] for k in before]
    shape = (len(group.texts), len(before))
    return np.stack([np.broadcast_to(column, shape[:1]) for column in columns], 1).astype(float)


def _last(name: str, place: Mapping[str, int]) -> int | None:
    """Index of the same column in the row before: ``data.7.0`` for ``data.8.0``, or earlier."""
    parts, row = name.split("."), _row(name)
    if row is None:
        return None
    earlier = (
        ".".join([*parts[:row], str(number), *parts[row + 1 :]])
        for number in reversed(range(int(parts[row])))
    )
    return next((place[each] for each in earlier if each in place), None)


def _row(name: str) -> int | None:
    """Position of the row index in a name."""
    return next((k for k, part in enumerate(name.split(".")) if part.isdigit()), None)


def _normals(group: Group) -> Answered | None:
    known = np.array([name.startswith(KNOWN) for name in group.names]) & ~group.hidden
    if not known.any():
        return None
    mean = group.values[:, known].astype(np.float64).mean(1, keepdims=True)
    return np.tile(mean, (1, group.hidden.sum()))


class _Seasons:
    """Climatology: means by pattern, station (0: all of them) and day of the year."""

    def __init__(self, data: "TextData", trained: list[Group]) -> None:
        stamps = [_stamps(data, group) for group in trained]
        stations = chain(*(stamp.stations for stamp in stamps if stamp))
        self.rows = {name: row for row, name in enumerate(dict.fromkeys(stations), 1)}
        shape = (len(data.patterns) + 1, len(self.rows) + 1, YEAR)  # with one that is unknown
        total, count = np.zeros(shape), np.zeros(shape)
        for group, stamp in zip(trained, stamps, strict=True):
            if stamp is None:
                continue
            own = self.of(stamp)
            for pattern in np.unique(group.asked[group.hidden]).tolist():
                mine = group.values[:, group.asked == pattern].astype(np.float64)
                for rows in (np.zeros_like(own), own):
                    np.add.at(total, (pattern, rows, stamp.days), mine.sum(1))
                    np.add.at(count, (pattern, rows, stamp.days), mine.shape[1])
        with np.errstate(invalid="ignore"):
            self.means = _weeks(total) / _weeks(count)  # NaN where there was no such day

    def of(self, stamp: "_Stamps") -> Int64[np.ndarray, " texts"]:
        return np.array([self.rows.get(name, 0) for name in stamp.stations], np.int64)

    def answer(
        self, data: "TextData", group: Group, patterns: Int64[np.ndarray, " asked"]
    ) -> Answered | None:
        stamp = _stamps(data, group)
        if stamp is None:
            return None
        means = self.means[patterns]  # (asked, stations, days)
        own, every = means[:, self.of(stamp), stamp.days], means[:, 0, stamp.days]
        return np.where(np.isnan(own), every, own).T


class _Stamps(NamedTuple):
    """Station and day of the year of texts."""

    stations: list[str]
    days: Int64[np.ndarray, " texts"]


def _stamps(data: "TextData", group: Group) -> _Stamps | None:
    """Station and day of each text; None if no target is in a row, or the texts have no date."""
    asked = [name for name, hidden in zip(group.names, group.hidden, strict=True) if hidden]
    if all(_row(name) is None for name in asked):
        return None
    labels = labels_of(data, group.texts, ("date", "station"))
    if "date" not in labels:
        return None
    days = [moment(date).timetuple().tm_yday - 1 for date in labels["date"]]
    return _Stamps(labels.get("station", [""] * len(days)), np.array(days))


def _weeks(days: Float64[np.ndarray, "*shape days"]) -> Float64[np.ndarray, "*shape days"]:
    """Sums over one week on both sides, periodic over the year."""
    return sum((np.roll(days, k, -1) for k in range(-WEEK, WEEK + 1)), np.zeros_like(days))
