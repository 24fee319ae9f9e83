"""Intervals and quantiles of answers, calibrated on texts that were set aside."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sciformer.evaluation.conformal import SHARE, half_width, widening
from xval.encodings.normalization import Transforms
from xval.nn.quantiles import at_level, levels

LEVELS = 10  # of answers without quantiles of their own

Values = Float[np.ndarray, " answers"]
Fields = Int64[np.ndarray, " answers"]
Rising = Float[np.ndarray, "answers levels"]


class Aside(NamedTuple):
    """Answers on texts that were set aside, in original units.

    Args:
        fields: Field of each answer.
        truth: True values.
        numbers: Answers; NaN where the output is not a number.
        quantiles: Quantiles of each; of no level without a head for them.
    """

    fields: Fields
    truth: Values
    numbers: Values
    quantiles: Rising

    @staticmethod
    def of(fields: Tensor, truth: Tensor, numbers: Tensor, quantiles: Tensor) -> "Aside":
        """Convert tensors."""
        return Aside(*(each.cpu().numpy() for each in (fields, truth, numbers, quantiles)))

    @staticmethod
    def joined(parts: "Iterable[Aside]") -> "Aside":
        """Join those of several batches; raises ``ValueError`` if there are none."""
        return Aside(*map(np.concatenate, zip(*parts, strict=True)))


class Spread(NamedTuple):
    """Distributions of answers, in original units; NaN where too few texts were set aside.

    Args:
        low: Lower ends of the intervals.
        median: Medians.
        high: Upper ends.
        quantiles: Quantiles at the levels of ``xval.nn.quantiles.levels``.
    """

    low: Values
    median: Values
    high: Values
    quantiles: Rising


class Intervals:
    """Intervals that hold a share of the true values, whatever the network (split conformal).

    Answers with quantiles have the interval between two of them, whose ends are moved by as much as
    texts that were set aside need (conformalized quantile regression: Romano et al. 2019, arXiv
    1905.03222). Others have one as wide as the errors on these texts, and quantiles of these
    errors. All of it field by field, in normalized units. An interval holds its answer and its
    median. The share holds for texts like those set aside.

    Args:
        aside: Answers on texts set aside.
        units: Normalization of the fields; None leaves the original units.
        share: Share of the true values inside.
    """

    def __init__(self, aside: Aside, units: Transforms | None, share: float = SHARE) -> None:
        self.units, self.share = units, share
        self.tails = ((1 - share) / 2, (1 + share) / 2)
        self.wide: dict[int, float] = {}
        self.errors: dict[int, Values] = {}
        truth, numbers = (self._normalized(each, aside.fields) for each in aside[1:3])
        spread = self._normalized(aside.quantiles, aside.fields[:, None])
        for field in np.unique(aside.fields).tolist():
            mine = aside.fields == field
            error = truth[mine] - numbers[mine]
            if spread.shape[1]:
                low, high = (_at(spread[mine], tail) for tail in self.tails)
                self.wide[field] = widening(low, high, truth[mine], share)
            else:
                self.wide[field] = half_width(np.nan_to_num(abs(error), nan=math.inf), share)
                at = levels(LEVELS).numpy()
                there = error[~np.isnan(error)]
                self.errors[field] = (
                    np.quantile(there, at) if len(there) else np.full(LEVELS, math.nan)
                )

    def of(self, fields: Fields, numbers: Values, quantiles: Rising) -> Spread:
        """Distributions of new answers.

        Args:
            fields: Field of each answer.
            numbers: Answers, in original units.
            quantiles: Quantiles of each; of no level without a head for them.

        Returns:
            The distributions, in original units.
        """
        wide = np.array([self.wide.get(field, math.nan) for field in fields.tolist()])
        if quantiles.shape[1]:
            spread = self._normalized(quantiles, fields[:, None])
            low, high = (_at(spread, tail) for tail in self.tails)
        else:
            low = high = self._normalized(numbers, fields)
            none = np.full(LEVELS, math.nan)
            errors = [self.errors.get(field, none) for field in fields.tolist()]
            spread = low[:, None] + np.reshape(errors, (-1, LEVELS))
        median = _at(spread, 0.5)
        low, high = np.fmin(low - wide, median), np.fmax(high + wide, median)
        low, high = (np.where(np.isfinite(wide), each, math.nan) for each in (low, high))
        low, median, high = (self._written(each, fields) for each in (low, median, high))
        low, high = np.minimum(low, numbers), np.maximum(high, numbers)  # they hold the answer
        return Spread(low, median, high, self._written(spread, fields[:, None]))

    def around(
        self,
        fields: Int64[Tensor, "batch answers"],
        numbers: Float[Tensor, "batch answers"],
        quantiles: Float[Tensor, "batch answers levels"],
    ) -> dict[str, Float[Tensor, "batch answers"]]:
        """Ends of the intervals and medians of a batch: ``.low``, ``.median``, ``.high``."""
        told = Aside.of(
            fields.flatten(), numbers.flatten(), numbers.flatten(), quantiles.flatten(0, 1)
        )
        found = self.of(told.fields, told.numbers, told.quantiles)._asdict()
        return {
            f".{name}": torch.from_numpy(found[name]).to(numbers).view_as(numbers)
            for name in ("low", "median", "high")
        }

    def _normalized(self, values: np.ndarray, fields: np.ndarray) -> np.ndarray:
        values = values.astype(np.float64)
        if self.units is None:
            return values
        own = np.broadcast_to(fields, values.shape).copy()
        return self.units.forward(torch.from_numpy(values), torch.from_numpy(own)).numpy()

    def _written(self, values: np.ndarray, fields: np.ndarray) -> np.ndarray:
        if self.units is None:
            return values
        own = np.broadcast_to(fields, values.shape).copy()
        return self.units.inverse(torch.from_numpy(values), torch.from_numpy(own)).numpy()


def _at(quantiles: Rising, level: float) -> Values:
    return at_level(torch.from_numpy(quantiles), level).numpy()
