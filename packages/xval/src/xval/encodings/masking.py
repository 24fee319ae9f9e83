"""Masked language modeling: choose the tokens to hide, and replace them by [MASK]."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from xval.encodings.encoding import Encoding
from xval.encodings.special_tokens import END, MASK, PAD


class Hidden(NamedTuple):
    """A text with hidden tokens.

    Args:
        tokens: Token ids, [MASK] where hidden.
        numbers: Number channel, 1 where hidden.
        hidden: True where hidden.
    """

    tokens: Int64[Tensor, "*batch time"]
    numbers: Float[Tensor, "*batch time"]
    hidden: Bool[Tensor, "*batch time"]


def draw_hidden(
    tokens: Int64[Tensor, " time"], code: Encoding, probability: float, generator: torch.Generator
) -> Bool[Tensor, " time"]:
    """Choose the tokens of one text to hide: each word and each number with equal probability.

    A number of several tokens is hidden as one. Half of those keep some of their first tokens
    visible: the network then learns to complete a number from left to right, as ``fill`` does.
    Padding and [END] are never hidden. The choice depends on the text's own generator, not on its
    batch.

    Args:
        tokens: Token ids of one text.
        code: Encoding, which knows the tokens of numbers.
        probability: Probability of each word and number; in [0, 1].
        generator: Random generator, seeded for this text.

    Returns:
        True where hidden.
    """
    return hidden_by(torch.rand(3, len(tokens), generator=generator), tokens, code, probability)


def hidden_by(
    draws: Float[Tensor, "3 time"],
    tokens: Int64[Tensor, " time"],
    code: Encoding,
    probability: float,
) -> Bool[Tensor, " time"]:
    """``draw_hidden`` from given uniform random numbers.

    Texts may be concatenated, to choose for a whole batch at once.

    Args:
        draws: Uniform random numbers in [0, 1), three per token; those of a number's first token
            count.
        tokens: Token ids.
        code: Encoding, which knows the tokens of numbers.
        probability: Probability of each word and number; in [0, 1].

    Returns:
        True where hidden.
    """
    starts = torch.from_numpy(code.starts(tokens.numpy()))
    hide_it, partly, share = draws
    hidden = (hide_it < probability)[starts]
    number = torch.from_numpy(code.is_number(tokens.numpy()))
    seen = (share * code.length).long() * (partly < 0.5) * number  # tokens that stay visible
    place = torch.arange(len(tokens)) - starts
    return hidden & (place >= seen[starts]) & (tokens != PAD) & (tokens != END)


def hide(
    tokens: Int64[Tensor, "*batch time"],
    numbers: Float[Tensor, "*batch time"],
    hidden: Bool[Tensor, "*batch time"],
) -> Hidden:
    """Replace hidden tokens by [MASK] with value 1, numbers and words alike."""
    return Hidden(tokens.masked_fill(hidden, MASK), numbers.masked_fill(hidden, 1.0), hidden)
