"""Masked modelling: which tokens are hidden, and what the network sees of them."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from xval.encodings.encoding import Encoding
from xval.encodings.special_tokens import END, MASK, PAD


class Hidden(NamedTuple):
    """A text with hidden tokens.

    Args:
        tokens: With [MASK] where something is hidden.
        numbers: With 1 there.
        hidden: Where.
    """

    tokens: Int64[Tensor, "*batch time"]
    numbers: Float[Tensor, "*batch time"]
    hidden: Bool[Tensor, "*batch time"]


def draw_hidden(
    tokens: Int64[Tensor, " time"], code: Encoding, probability: float, generator: torch.Generator
) -> Bool[Tensor, " time"]:
    """Choose tokens of one text: each word and each number with the same probability.

    A number of several tokens is hidden as one. Half of those keep some of their first tokens in
    sight: then the network learns to go on with a number from left to right, as ``fill`` asks.
    Padding and [END] are never hidden. One text with one generator: what else is in the batch
    changes nothing.

    Args:
        tokens: Ids of one text.
        code: Says which tokens make a number.
        probability: Of each word and number.
        generator: Seeded by the text.

    Returns:
        Where to hide.
    """
    return hidden_by(torch.rand(3, len(tokens), generator=generator), tokens, code, probability)


def hidden_by(
    draws: Float[Tensor, "3 time"],
    tokens: Int64[Tensor, " time"],
    code: Encoding,
    probability: float,
) -> Bool[Tensor, " time"]:
    """The choice of :func:`draw_hidden`, by numbers that are drawn already.

    Texts may stand one after the other, if a batch's are to be chosen at once.

    Args:
        draws: Uniform from 0 to 1; those of a number's first token decide.
        tokens: Ids.
        code: Says which tokens make a number.
        probability: Of each word and number.

    Returns:
        Where to hide.
    """
    starts = torch.from_numpy(code.starts(tokens.numpy()))
    hide_it, partly, share = draws
    hidden = (hide_it < probability)[starts]
    number = torch.from_numpy(code.is_number(tokens.numpy()))
    seen = (share * code.length).long() * (partly < 0.5) * number  # tokens that stay in sight
    place = torch.arange(len(tokens)) - starts
    return hidden & (place >= seen[starts]) & (tokens != PAD) & (tokens != END)


def hide(
    tokens: Int64[Tensor, "*batch time"],
    numbers: Float[Tensor, "*batch time"],
    hidden: Bool[Tensor, "*batch time"],
) -> Hidden:
    """Put [MASK] with value 1 where something is hidden, numbers and words alike.

    Args:
        tokens: Ids.
        numbers: The number channel.
        hidden: Where to hide.

    Returns:
        What the network sees.
    """
    return Hidden(tokens.masked_fill(hidden, MASK), numbers.masked_fill(hidden, 1.0), hidden)
