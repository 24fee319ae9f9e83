"""How the ranks of a run share one batch, so that each sees the negatives of all.

A loss of the joined batch is the same number on every rank. Its gradients are ``ranks`` times this
rank's part, because DDP and FSDP take the mean over ranks: what they give is then the gradient of
one process with the joined batch, whether or not the ranks hold equally many samples.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, distributed


class Share(NamedTuple):
    """The part of a joined batch that this rank holds.

    Args:
        sizes: Samples of each rank, in the order of the joined batch.
        rank: Of this process.
    """

    sizes: tuple[int, ...]
    rank: int = 0

    @property
    def ranks(self) -> int:
        """Processes that share the batch."""
        return len(self.sizes)

    @property
    def total(self) -> int:
        """Samples of the joined batch."""
        return sum(self.sizes)

    @property
    def own(self) -> slice:
        """Where this rank's samples are in the joined batch."""
        start = sum(self.sizes[: self.rank])
        return slice(start, start + self.sizes[self.rank])

    def join(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "joined dim"]:
        """Put the rows of all ranks below each other; no gradient passes."""
        if self.ranks == 1:
            return x
        # Collectives want equal shapes: short ranks add rows, which are cut off again.
        padded = x.new_zeros(max(self.sizes), x.shape[1])
        padded[: len(x)] = x
        parts = [torch.empty_like(padded) for _ in self.sizes]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, self.sizes, strict=True)])

    def sum(self, x: Tensor) -> Tensor:
        """Add the tensors of all ranks, in place."""
        if self.ranks > 1:
            distributed.all_reduce(x)
        return x

    def largest(self, x: Tensor) -> Tensor:
        """Take the largest of all ranks, element by element, in place."""
        if self.ranks > 1:
            distributed.all_reduce(x, distributed.ReduceOp.MAX)
        return x


def share_of(x: Float[Tensor, "batch dim"], gather: bool) -> Share:
    """Say what part of the batch this rank holds.

    Args:
        x: This rank's samples.
        gather: Join the batches of all ranks; every rank then has to call this. Costs nothing in a
            run of one process.

    Returns:
        This rank's share of the joined batch, or the whole of its own.
    """
    if not (gather and distributed.is_available() and distributed.is_initialized()):
        return Share((len(x),))
    size = torch.tensor([len(x)], device=x.device)
    sizes = [torch.empty_like(size) for _ in range(distributed.get_world_size())]
    distributed.all_gather(sizes, size)
    return Share(tuple(torch.cat(sizes).tolist()), distributed.get_rank())
