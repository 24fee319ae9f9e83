"""How far answers are from the truth: the same figures for every encoding."""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torchmetrics import Metric

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


class Losses(NamedTuple):
    """Sums over what is to be recovered, and how much that is; fp32.

    Args:
        token_sum: Of the cross-entropies.
        tokens: Number of them.
        number_sum: Of the errors of values, in the network's units.
        numbers: Number of them.
    """

    token_sum: Float[Tensor, ""]
    tokens: Float[Tensor, ""]
    number_sum: Float[Tensor, ""]
    numbers: Float[Tensor, ""]


class Found(NamedTuple):
    """Figures of a pass.

    Args:
        token_loss: Mean cross-entropy of what is recovered.
        number_loss: Mean error of the recovered numbers in the network's units, as the loss has it.
        answers: Figures of what each pattern asks for.
    """

    token_loss: Tensor
    number_loss: Tensor
    answers: dict[str, Scores]

    def named(self) -> dict[str, Any]:
        """Losses, and ``<figure>/<pattern>`` of what is asked for."""
        losses = {"token_loss": self.token_loss, "number_loss": self.number_loss}
        return losses | {
            f"{name}/{pattern}": value
            for pattern, each in self.answers.items()
            for name, value in each._asdict().items()
        }


class Pass(Metric):
    """Adds losses up, and keeps answers: medians and shares of variance are no means over batches.

    Args:
        patterns: Of the numbers that are asked for.
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
        """Add a batch; ``asked`` is -1 where nothing is."""
        self.sums += torch.stack(losses)
        there = asked >= 0
        self.predicted.append(predicted[there])
        self.truth.append(truth[there])
        self.asked.append(asked[there])

    def compute(self) -> Found:
        """The figures of all ranks."""
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
