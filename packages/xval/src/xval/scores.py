"""What a pass over the data finds, on all ranks together."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torchmetrics import Metric

from xval.metrics import Scores, scores


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
