"""What the network reads at a step, what is hidden from it, and what it is asked for."""

from typing import NamedTuple

from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from xval.encodings.special_tokens import PAD


class Batch(NamedTuple):
    """Texts as tokens and numbers, padded to the longest of them.

    Args:
        tokens: Ids; [PAD] behind the end of a text.
        numbers: Values where ``tokens`` is [NUM], 1 at all else.
        fields: Field of each number, at all of its tokens; 0 is that of words and of numbers that
            nothing names.
        lengths: Tokens of each text.
        hidden: What masked modelling hides in this epoch.
        samples: Number of each draw: the epoch times the number of samples, plus the sample.
        answers: Where the first token is of each number that is asked for; -1 where a text has
            fewer than others.
        truth: The values there, 1 where there is none.
        asked: Which of the patterns of ``TextData`` asks for it; -1 where there is none.
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
        """False where there is padding."""
        return self.tokens != PAD
