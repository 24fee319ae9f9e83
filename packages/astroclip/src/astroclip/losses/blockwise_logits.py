"""Blockwise logits of contrastive losses: memory linear in the batch.

Each block of rows is computed, used, and recomputed in the backward pass.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from astroclip.losses.distributed_batch import Share

# Rows of a block; 64 to 1024 take equal time within 5 % (one thread, 4096 x 256).
ROWS = 256


class Block(NamedTuple):
    """A block of rows of the logits.

    Args:
        rows: Rows of this rank.
        logits: Logits of these rows with all columns.
        first: Column of the positive pair of the first row.
    """

    rows: slice
    logits: Float[Tensor, "rows joined"]
    first: int

    def pairs(self) -> Float[Tensor, " rows"]:
        """View of the logits of the positive pairs."""
        return self.logits.diagonal(self.first)


def blocks_of(a: Tensor, columns: Tensor, share: Share) -> Iterator[Block]:
    """Logits of all rows with all columns, block by block; the buffer is reused."""
    buffer = a.new_empty(min(ROWS, len(a)), len(columns))
    for start in range(0, len(a), ROWS):
        some = a[start : start + ROWS]
        logits = torch.mm(some, columns.T, out=buffer[: len(some)])  # out= is not for autocast
        yield Block(slice(start, start + len(some)), logits, share.own.start + start)


def through_logits(
    a: Tensor,
    columns: Tensor,
    scale: Tensor,
    share: Share,
    by_logits: Callable[[Block], Tensor],
    factor: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to ``a``, ``b`` and the scale, from gradients of blocks of logits.

    Args:
        a: Rows of this rank.
        columns: Columns of all ranks.
        scale: Logit scale.
        share: This rank's part of the batch.
        by_logits: Gradient of the loss with respect to a block of logits; may overwrite the block.
        factor: Factor of all gradients.

    Returns:
        Gradients of ``a``, of this rank's ``b``, and of the scale.
    """
    by_a, by_columns = torch.empty_like(a), torch.zeros_like(columns)
    for block in blocks_of(a * scale, columns, share):
        gradient = by_logits(block)
        torch.mm(gradient, columns, out=by_a[block.rows])
        by_columns.addmm_(gradient.T, a[block.rows])
    by_scale = (by_a * a).sum() * factor
    by_b = share.sum(by_columns)[share.own]
    return by_a.mul_(scale * factor), by_b.mul_(scale * factor), by_scale
