"""A batch of xVal: encoded texts, masks, and the numbers to predict."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor

from xval.encodings.special_tokens import PAD


class Batch(NamedTuple):
    """Texts as tokens and numbers, padded to the longest one.

    Args:
        tokens: Token ids; [PAD] after the end of a text.
        numbers: Values where ``tokens`` is [NUM], 1 everywhere else.
        fields: Field of each number, at all of its tokens; 0 for words and for numbers without a
            field name.
        lengths: Number of tokens of each text.
        hidden: Tokens masked for masked language modeling in this epoch.
        samples: Sample number: epoch times the number of samples, plus the index of the sample.
        answers: Position of the first token of each target number; padded with -1.
        truth: Values of the target numbers, padded with 1.
        asked: Index of the pattern in ``TextData.patterns`` that selects each target number;
            padded with -1.
    """

    tokens: Int64[Tensor, "batch time"]
    numbers: Float32[Tensor, "batch time"]
    fields: Int64[Tensor, "batch time"]
    lengths: Int64[Tensor, " batch"]
    hidden: Bool[Tensor, "batch time"]
    samples: Int64[Tensor, " batch"]
    answers: Int64[Tensor, "batch answers"]
    truth: Float32[Tensor, "batch answers"]
    asked: Int64[Tensor, "batch answers"]

    @property
    def present(self) -> Bool[Tensor, "batch time"]:
        """False at padding."""
        return self.tokens != PAD

    def only(
        self, answers: Float[Tensor, "batch answers"], pattern: int
    ) -> Float[Tensor, "batch fewer"]:
        """Answers to one pattern, in the order of the text; padded with NaN."""
        asked = self.asked == pattern
        column = asked.cumsum(1) - 1  # of each answer among those of its pattern
        found = answers.new_full((len(answers), int(asked.sum(1).max())), torch.nan)
        found[asked.nonzero()[:, 0], column[asked]] = answers[asked]
        return found
