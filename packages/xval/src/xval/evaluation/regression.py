"""Regression of the target numbers on all other numbers of a text: linear, gradient boosting."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64
from sklearn.ensemble import HistGradientBoostingRegressor

from xval.evaluation.number_tables import Group

FITTED = 20_000  # texts that a regression is fitted to, at most

FEWEST = 40  # texts for gradient boosting: two leaves of a tree
Column = tuple[str, int]
Given = Float64[np.ndarray, "texts numbers"]  # NaN where a text lacks a number
Targets = Float64[np.ndarray, " texts"]
Answered = Float64[np.ndarray, "texts asked"]
Predict = Callable[[Given], Targets]


class Regression:
    """A regression for each target.

    Args:
        trained: Tables of the training texts.
        fit: ``linear`` or ``boosting`` of this file.
    """

    def __init__(
        self, trained: Sequence[Group], fit: "Callable[[Given, Targets], Predict | None]"
    ) -> None:
        self.trained, self.fit = trained, fit
        self.fitted: dict[Column, tuple[list[Column], Predict] | None] = {}

    def answer(self, group: Group) -> Answered | None:
        """Predict the targets of a table; None if it has no other numbers to predict from."""
        named = zip(columns(group), group.hidden, strict=True)
        targets = [column for column, hidden in named if hidden]
        if group.hidden.all():
            return None
        answers = np.full((len(group.texts), len(targets)), np.nan)
        for place, target in enumerate(targets):
            if target not in self.fitted:
                self.fitted[target] = self._fit(target)
            if (found := self.fitted[target]) is not None:
                names, predict = found
                answers[:, place] = predict(_given(group, names))
        return answers

    def _fit(self, target: Column) -> tuple[list[Column], Predict] | None:
        """Fit a target; None if there are too few texts."""
        places = [(group, columns(group)) for group in self.trained]
        own = [(group, each.index(target)) for group, each in places if target in each]
        own = [(group, place) for group, place in own if group.hidden[place]]
        names = list(dict.fromkeys(name for group, _ in own for name in _shown(group)))
        if not names:
            return None
        x = np.concatenate([_given(group, names) for group, _ in own])[:FITTED]
        y = np.concatenate([group.values[:, place] for group, place in own])[:FITTED]
        predict = self.fit(x, y.astype(np.float64))
        return None if predict is None else (names, predict)


def linear(x: Given, y: Targets) -> Predict | None:
    """Least squares with an intercept; None if there are no more texts than coefficients.

    A number that a text does not have is the mean of the training, and an indicator says so.
    """
    fit = _LeastSquares(x, y)
    return fit.answer if len(x) > len(fit.weights) + 1 else None


def boosting(x: Given, y: Targets, level: float | None = None) -> Predict | None:
    """Gradient boosting with scikit-learn's defaults; None if there are too few texts.

    Args:
        x: Given numbers.
        y: Targets.
        level: Level of the quantile that is predicted; the mean by default.

    Returns:
        The prediction.
    """
    if len(x) < FEWEST:
        return None
    loss = "squared_error" if level is None else "quantile"
    return (
        HistGradientBoostingRegressor(loss=loss, quantile=level, random_state=0).fit(x, y).predict
    )


class _LeastSquares:
    """Weights of a regression, on standardized numbers and indicators of the missing ones."""

    def __init__(self, x: Given, y: Targets) -> None:
        missing = np.isnan(x)
        self.gaps = missing.any(0)
        self.means = np.where(missing, 0, x).sum(0) / np.maximum((~missing).sum(0), 1)
        features = self._features(x)
        self.middle, self.size = features.mean(0), np.maximum(features.std(0), np.finfo(float).tiny)
        self.level = y.mean()
        scaled = (features - self.middle) / self.size
        self.weights = np.linalg.lstsq(scaled, y - self.level, rcond=1e-9)[0]

    def _features(self, x: Given) -> Float64[np.ndarray, "texts features"]:
        missing = np.isnan(x)
        return np.concatenate([np.where(missing, self.means, x), missing[:, self.gaps]], 1)

    def answer(self, x: Given) -> Targets:
        return (self._features(x) - self.middle) / self.size @ self.weights + self.level


def columns(group: Group) -> list[Column]:
    """Names of the columns, with the number of columns of this name before."""
    seen: Counter[str] = Counter()
    found = []
    for name in group.names:
        found.append((name, seen[name]))
        seen[name] += 1
    return found


def _shown(group: Group) -> dict[Column, int]:
    """Columns that are not asked for, with their places."""
    return {column: k for k, column in enumerate(columns(group)) if not group.hidden[k]}


def _given(group: Group, names: Sequence[Column]) -> Given:
    """Numbers that are not asked for, by name; NaN where a table has none."""
    place = _shown(group)
    x = np.full((len(group.texts), len(names)), np.nan)
    for column, name in enumerate(names):
        if name in place:
            x[:, column] = group.values[:, place[name]]
    return x
