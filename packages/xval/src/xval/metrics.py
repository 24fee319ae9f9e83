"""How far answers are from the truth: the same figures for every encoding."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

EXACT = 1e-15  # of 15 digits none is wrong


class Scores(NamedTuple):
    """Figures of many answers.

    An answer that is no number (NaN) counts as 0: wrong by 100 %, whatever the truth. The mean of
    the truth would be skill where that is narrow. Relative errors are those of numbers that are not
    zero, and NaN where there are none.

    Args:
        r2: Share of the variance that is explained; NaN where there is no variance.
        mse: Mean squared error.
        mae: Mean absolute error.
        median_relative: Median of the relative errors.
        p99_relative: Their 99th percentile.
        within_1_percent: Share of relative errors that are at most 1 %.
        unparsable: Share of answers that are no number.
        log_smape: How many of 15 digits are right, as a share, in the mean: log10 of |error| /
            (|answer| + |truth|) over -15, in [0, 1] (Kreitner et al. 2025, arXiv 2510.06824).
        log_r2: R2 of log10 of the size, where that is not zero; an answer of zero counts as the
            smallest size of the truth.
    """

    r2: float
    mse: float
    mae: float
    median_relative: float
    p99_relative: float
    within_1_percent: float
    unparsable: float
    log_smape: float
    log_r2: float


def scores(predicted: Float[Tensor, " answers"], truth: Float[Tensor, " answers"]) -> Scores:
    """Compare answers to the truth, in double precision.

    Args:
        predicted: The answers; NaN where there is no number.
        truth: What they should be; at least one.

    Returns:
        The figures.
    """
    none = predicted.isnan()
    predicted, truth = predicted.nan_to_num(0.0).double(), truth.double()
    error = predicted - truth
    mse, variance = error.square().mean(), truth.var(correction=0)
    there = truth != 0
    relative = (error / truth).abs()[there]
    middle, high = torch.tensor([0.5, 0.99], dtype=torch.float64, device=truth.device)
    figures = (
        1 - mse / variance if variance > 0 else mse * torch.nan,
        mse,
        error.abs().mean(),
        relative.quantile(middle) if len(relative) else mse * torch.nan,
        relative.quantile(high) if len(relative) else mse * torch.nan,
        (relative <= 0.01).double().mean(),
        none.double().mean(),
        _log_smape(predicted, truth).where(~none, 0.0).mean(),
        _log_r2(predicted[there], truth[there]),
    )
    return Scores(*(figure.item() for figure in figures))


def _log_smape(
    predicted: Float64[Tensor, " answers"], truth: Float64[Tensor, " answers"]
) -> Float64[Tensor, " answers"]:
    error, sizes = (predicted - truth).abs(), predicted.abs() + truth.abs()
    share = torch.where(error == 0, 0.0, error / sizes)
    return ((share + EXACT).log10() / math.log10(EXACT)).clamp(0, 1)


def _log_r2(
    predicted: Float64[Tensor, " answers"], truth: Float64[Tensor, " answers"]
) -> Float64[Tensor, ""]:
    sizes = truth.abs()
    if not len(sizes):
        return sizes.sum() * torch.nan
    wanted, found = sizes.log10(), predicted.abs().clamp(min=sizes.min()).log10()
    mse, variance = (found - wanted).square().mean(), wanted.var(correction=0)
    return 1 - mse / variance if variance > 0 else variance * torch.nan
