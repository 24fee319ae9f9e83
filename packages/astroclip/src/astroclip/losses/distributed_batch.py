"""Batches shared by the ranks of a distributed run: negatives of all ranks in one loss.

A loss of the joined batch is the same number on every rank. Its gradients are ``ranks`` times this
rank's part, because DDP and FSDP average over ranks: the result equals the gradient of one process
on the joined batch, even if the ranks hold different numbers of samples.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, distributed


class Share(NamedTuple):
    """This rank's part of a joined batch.

    Args:
        sizes: Samples of each rank, in the order of the joined batch.
        rank: This process.
    """

    sizes: tuple[int, ...]
    rank: int = 0

    @property
    def ranks(self) -> int:
        """Number of ranks."""
        return len(self.sizes)

    @property
    def total(self) -> int:
        """Samples of the joined batch."""
        return sum(self.sizes)

    @property
    def own(self) -> slice:
        """Slice of this rank's samples in the joined batch."""
        start = sum(self.sizes[: self.rank])
        return slice(start, start + self.sizes[self.rank])

    def join(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "joined dim"]:
        """All-gather rows of all ranks; without gradient."""
        if self.ranks == 1:
            return x
        # Collectives need equal shapes: smaller batches are padded, and cut again.
        padded = x.new_zeros(max(self.sizes), x.shape[1])
        padded[: len(x)] = x
        parts = [torch.empty_like(padded) for _ in self.sizes]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, self.sizes, strict=True)])

    def sum(self, x: Tensor) -> Tensor:
        """All-reduce sum, in place."""
        if self.ranks > 1:
            distributed.all_reduce(x)
        return x

    def largest(self, x: Tensor) -> Tensor:
        """All-reduce maximum, in place."""
        if self.ranks > 1:
            distributed.all_reduce(x, distributed.ReduceOp.MAX)
        return x


def share_of(x: Float[Tensor, "batch dim"], gather: bool) -> Share:
    """This rank's part of the batch.

    Args:
        x: Samples of this rank.
        gather: Join the batches of all ranks; every rank must call this. Free in a run of one
            process.

    Returns:
        Its part of the joined batch, or the whole of its own.
    """
    if not (gather and distributed.is_available() and distributed.is_initialized()):
        return Share((len(x),))
    size = torch.tensor([len(x)], device=x.device)
    sizes = [torch.empty_like(size) for _ in range(distributed.get_world_size())]
    distributed.all_gather(sizes, size)
    return Share(tuple(torch.cat(sizes).tolist()), distributed.get_rank())
