"""Sequences that look to the decoder as if they had fewer regions: a lever of the training.

Where every sequence has at least four regions, the bracket behind a region is as constant as its
own, and a count may be compared with it; then counting fails where there is no such bracket.
Nothing in the sequences says so. Hiding brackets from the decoder does.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from contextual_counting.simulate.sequences import CLOSE, NO_REGION, OPEN


class Shown(NamedTuple):
    """What the decoder sees of sequences, and what it is asked.

    Args:
        visible: True where it may attend to a token.
        counts: ``NO_REGION`` for regions that it is not asked for.
    """

    visible: Bool[Tensor, "batch time"]
    counts: Int64[Tensor, "batch regions"]


def with_fewer_regions(
    tokens: Int64[Tensor, "batch time"], counts: Int64[Tensor, "batch regions"], share: float
) -> Shown:
    """Hide the brackets behind a random region, and do not ask for the regions behind it.

    Args:
        tokens: Sequences.
        counts: Theirs.
        share: Of the sequences; of the others all is shown.

    Returns:
        What is shown; in each sequence the number of regions to keep is drawn anew.
    """
    draw = torch.rand(2, len(tokens), device=tokens.device)
    regions = (counts != NO_REGION).sum(1)
    last = torch.where(draw[0] < share, 1 + (draw[1] * regions).long(), regions)[:, None]
    opened, closed = ((tokens == bracket).cumsum(1) for bracket in (OPEN, CLOSE))
    hidden = ((tokens == OPEN) & (opened > last)) | ((tokens == CLOSE) & (closed > last))
    region = torch.arange(counts.shape[1], device=tokens.device)
    return Shown(~hidden, counts.masked_fill(region >= last, NO_REGION))
