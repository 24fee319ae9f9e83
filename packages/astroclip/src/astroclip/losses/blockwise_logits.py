"""Logits of all pairs in blocks of rows, so that memory is linear in the batch.

A block is computed, used up, and computed again in the backward pass.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from astroclip.losses.distributed_batch import Share

# Of a block. 64 to 1024 take the same time within 5 %, one thread, 4096 x 256.
ROWS = 256


class Block(NamedTuple):
    """Some rows of the logits.

    Args:
        rows: Which of this rank's.
        logits: Of these rows and all columns.
        first: Column of the pair of the first row.
    """

    rows: slice
    logits: Float[Tensor, "rows joined"]
    first: int

    def pairs(self) -> Float[Tensor, " rows"]:
        """View of the logits of the pairs."""
        return self.logits.diagonal(self.first)


def blocks_of(a: Tensor, columns: Tensor, share: Share) -> Iterator[Block]:
    """Products of all rows with all columns; the memory of a block is used again by the next."""
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
    """Gradients by ``a``, ``b`` and the scale from those by blocks of the logits.

    Args:
        a: This rank's rows.
        columns: Those of all ranks.
        scale: Of the logits.
        share: What this rank holds.
        by_logits: Gradient by a block of logits; may overwrite it.
        factor: Of all gradients.

    Returns:
        Of ``a``, of this rank's ``b``, and of the scale.
    """
    by_a, by_columns = torch.empty_like(a), torch.zeros_like(columns)
    for block in blocks_of(a * scale, columns, share):
        gradient = by_logits(block)
        torch.mm(gradient, columns, out=by_a[block.rows])
        by_columns.addmm_(gradient.T, a[block.rows])
    by_scale = (by_a * a).sum() * factor
    by_b = share.sum(by_columns)[share.own]
    return by_a.mul_(scale * factor), by_b.mul_(scale * factor), by_scale
