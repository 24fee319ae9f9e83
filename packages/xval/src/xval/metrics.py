"""Errors of predicted numbers, the same for every encoding: R2, MSE, relative errors, log-sMAPE."""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torchmetrics import Metric

EXACT = 1e-15  # relative error with all 15 digits right


class Scores(NamedTuple):
    """Errors of a set of predictions.

    An output that is not a number (NaN) counts as 0, an error of 100 %: counting it as the mean of
    the truth would reward it where the truth varies little. Relative errors are computed where the
    truth is not zero; NaN if there is no such number.

    Args:
        r2: Coefficient of determination; NaN for constant truth.
        mse: Mean squared error.
        mae: Mean absolute error.
        median_relative: Median relative error.
        p99_relative: 99th percentile of the relative errors.
        within_1_percent: Fraction of relative errors of at most 1 %.
        unparsable: Fraction of outputs that are not a number.
        log_smape: Mean fraction of 15 digits that are correct: log10 of |error| / (|answer| +
            |truth|) over -15, in [0, 1] (Kreitner et al. 2025, arXiv 2510.06824).
        log_r2: R2 of log10 of the absolute values, where the truth is not zero; a prediction of
            zero counts as the smallest absolute truth.
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
    """Compare predictions with the truth, in fp64.

    Args:
        predicted: Predictions; NaN where the output is not a number.
        truth: True values; at least one.

    Returns:
        The errors.
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


class Outputs(NamedTuple):
    """What a network says of masked tokens, or of the next ones, and what it should have said."""

    logits: Float[Tensor, "at vocab"]
    values: Float[Tensor, "at values"]
    wanted: Int64[Tensor, " at"]
    numbers: Float[Tensor, " at"]


class Losses(NamedTuple):
    """Sums of losses over the predicted tokens and numbers, with their counts; fp32.

    Args:
        token_sum: Sum of cross-entropies, in nats.
        tokens: Number of predicted tokens: the masked ones, or all but the first if causal.
        number_sum: Sum of the numbers' errors, in normalized units.
        numbers: Number of predicted numbers.
    """

    token_sum: Float[Tensor, ""]
    tokens: Float[Tensor, ""]
    number_sum: Float[Tensor, ""]
    numbers: Float[Tensor, ""]


class Found(NamedTuple):
    """Results of a pass over a data set.

    Args:
        token_loss: Mean cross-entropy of the predicted tokens, in nats.
        number_loss: Mean loss of the predicted numbers, in normalized units.
        answers: Scores by pattern of the target numbers.
    """

    token_loss: Tensor
    number_loss: Tensor
    answers: dict[str, Scores]

    def named(self) -> dict[str, Any]:
        """Losses, and ``<figure>/<pattern>`` for the target numbers."""
        losses = {"token_loss": self.token_loss, "number_loss": self.number_loss}
        return losses | {
            f"{name}/{pattern}": value
            for pattern, each in self.answers.items()
            for name, value in each._asdict().items()
        }


class Pass(Metric):
    """Accumulate losses and predictions over a pass, as medians and R2 are not means over batches.

    Args:
        patterns: Patterns of the target numbers.
    """

    full_state_update = False
    sums: Tensor
    predicted: list[Tensor]
    truth: list[Tensor]
    asked: list[Tensor]

    def __init__(self, patterns: list[str]) -> None:
        super().__init__()
        self.patterns = patterns
        self.add_state("sums", torch.zeros(4, dtype=torch.float64), dist_reduce_fx="sum")
        for name in ("predicted", "truth", "asked"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(
        self,
        losses: Losses,
        predicted: Float[Tensor, "batch answers"],
        truth: Float[Tensor, "batch answers"],
        asked: Int64[Tensor, "batch answers"],
    ) -> None:
        """Add a batch; ``asked`` is -1 where there is no target."""
        self.sums += torch.stack(losses)
        there = asked >= 0
        self.predicted.append(predicted[there])
        self.truth.append(truth[there])
        self.asked.append(asked[there])

    def compute(self) -> Found:
        """Results over all ranks."""
        token_sum, tokens, number_sum, numbers = self.sums
        states = (self.predicted, self.truth, self.asked)
        predicted, truth, asked = (
            torch.cat(state) if isinstance(state, list) else state for state in states
        )
        answers = {
            pattern: scores(predicted[asked == number], truth[asked == number])
            for number, pattern in enumerate(self.patterns)
            if (asked == number).any()
        }
        return Found(token_sum / tokens.clamp(min=1), number_sum / numbers.clamp(min=1), answers)
