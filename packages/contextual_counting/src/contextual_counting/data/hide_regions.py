"""Augmentation: hide brackets so that the decoder sees sequences with fewer regions.

If every sequence has at least four regions, the next region's bracket is always present, and a
network may use it as reference for a count; it then fails where there is no such bracket. The
sequences alone do not prevent this. Hiding brackets from the decoder does.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from contextual_counting.simulate.sequences import CLOSE, NO_REGION, OPEN


class Shown(NamedTuple):
    """Tokens visible to the decoder, and target counts.

    Args:
        visible: True where the decoder may attend to a token.
        counts: Target counts; ``NO_REGION`` for regions without a target.
    """

    visible: Bool[Tensor, "batch time"]
    counts: Int64[Tensor, "batch regions"]


def with_fewer_regions(
    tokens: Int64[Tensor, "batch time"], counts: Int64[Tensor, "batch regions"], share: float
) -> Shown:
    """Hide the brackets after a random region, and remove the targets of later regions.

    Args:
        tokens: Sequences.
        counts: Counts of the sequences.
        share: Fraction of the sequences to change.

    Returns:
        Visible tokens and targets; the number of visible regions is random for each sequence.
    """
    draw = torch.rand(2, len(tokens), device=tokens.device)
    regions = (counts != NO_REGION).sum(1)
    last = torch.where(draw[0] < share, 1 + (draw[1] * regions).long(), regions)[:, None]
    opened, closed = ((tokens == bracket).cumsum(1) for bracket in (OPEN, CLOSE))
    hidden = ((tokens == OPEN) & (opened > last)) | ((tokens == CLOSE) & (closed > last))
    region = torch.arange(counts.shape[1], device=tokens.device)
    return Shown(~hidden, counts.masked_fill(region >= last, NO_REGION))
