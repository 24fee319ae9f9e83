"""How far answers are from the truth: the same figures for every encoding."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Scores(NamedTuple):
    """Figures of many answers.

    An answer that is no number (NaN) counts as no skill: as the mean of the truth where errors are
    squared or absolute, as wrong by 100 % where they are relative. Relative errors are those of
    numbers that are not zero, and NaN where there are none.

    Args:
        r2: Share of the variance that is explained; NaN where there is no variance.
        mse: Mean squared error.
        mae: Mean absolute error.
        median_relative: Median of the relative errors.
        p99_relative: Their 99th percentile.
        within_1_percent: Share of relative errors that are at most 1 %.
        unparsable: Share of answers that are no number.
    """

    r2: float
    mse: float
    mae: float
    median_relative: float
    p99_relative: float
    within_1_percent: float
    unparsable: float


def scores(predicted: Float[Tensor, " answers"], truth: Float[Tensor, " answers"]) -> Scores:
    """Compare answers to the truth, in double precision.

    Args:
        predicted: The answers; NaN where there is no number.
        truth: What they should be; at least one.

    Returns:
        The figures.
    """
    predicted, truth = predicted.double(), truth.double()
    none = predicted.isnan()
    error = predicted.where(~none, truth.mean()) - truth
    mse, variance = error.square().mean(), truth.var(correction=0)
    there = truth != 0
    relative = ((predicted - truth) / truth).abs().where(~none, 1.0)[there]
    middle, high = torch.tensor([0.5, 0.99], dtype=torch.float64, device=truth.device)
    figures = (
        1 - mse / variance if variance > 0 else mse * torch.nan,
        mse,
        error.abs().mean(),
        relative.quantile(middle) if len(relative) else mse * torch.nan,
        relative.quantile(high) if len(relative) else mse * torch.nan,
        (relative <= 0.01).double().mean(),
        none.double().mean(),
    )
    return Scores(*(figure.item() for figure in figures))
