"""Augmentation: hide 0s, and 1s outside of regions, from the decoder.

A count is compared with other tokens, and training is slow to leave those whose number is roughly
constant: at T 64, seeds that failed compared region 2 with the 0s and 1s around it. Where a random
part of them is hidden they are no reference, and no count changes.
"""

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from contextual_counting.simulate.sequences import CLOSE, ONE, OPEN, ZERO


def without_loose_tokens(
    tokens: Int64[Tensor, "batch time"], share: float
) -> Bool[Tensor, "batch time"]:
    """Hide a random part of the tokens that no count depends on.

    Args:
        tokens: Sequences.
        share: Fraction of the sequences of which tokens are hidden. The probability that a token is
            hidden is random for each of these sequences, from 0 to 1.

    Returns:
        True where the decoder may attend to a token; brackets and the 1s in regions always are.
    """
    inside = (tokens == OPEN).cumsum(1) > (tokens == CLOSE).cumsum(1)
    loose = (tokens == ZERO) | ((tokens == ONE) & ~inside)
    draw = torch.rand(2, len(tokens), 1, device=tokens.device)
    chance = torch.where(draw[0] < share, draw[1], 0.0)
    return ~(loose & (torch.rand(tokens.shape, device=tokens.device) < chance))
