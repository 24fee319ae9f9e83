"""Contrastive losses: InfoNCE (CLIP) and SigLIP, exact, in memory linear in the batch.

The logits are computed in blocks, see ``astroclip.losses.blockwise_logits``. With negatives
gathered over ranks, each rank computes the rows of its own samples only.
"""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from astroclip.losses.blockwise_logits import Block, blocks_of, through_logits
from astroclip.losses.distributed_batch import Share, share_of
from sciformer.nn.precision import widened

Embeddings = Float[Tensor, "batch dim"]
Scalar = Float[Tensor, ""]


def info_nce(a: Embeddings, b: Embeddings, scale: Scalar, gather: bool = False) -> Scalar:
    """Symmetric InfoNCE loss: mean of both cross-entropies of ``scale a b^T``, in nats.

    Row i of ``a`` and row i of ``b`` are a pair. Computed in at least fp32, under autocast too. A
    batch of one gives 0. Supports first derivatives only, also with respect to ``scale``.

    Args:
        a: Embeddings of one modality, normalized.
        b: Embeddings of the other modality, normalized.
        scale: Inverse temperature (15.5 in AstroCLIP); may be learned.
        gather: Use negatives of all ranks, see ``astroclip.losses.distributed_batch``.

    Returns:
        The loss.

    Raises:
        ValueError: If the embeddings are not pairs.
    """
    _check_pairs(a, b)
    return _InfoNCE.apply(*map(widened, (a, b, scale)), share_of(a, gather))


def siglip(
    a: Embeddings, b: Embeddings, scale: Scalar, bias: Scalar, gather: bool = False
) -> Scalar:
    """Pairwise sigmoid loss, SigLIP (Zhai et al. 2023, arXiv 2303.15343, algorithm 1).

    With ``x = scale a b^T + bias``: the sum of ``-log sigmoid(x)`` over pairs and of ``-log
    sigmoid(-x)`` over all other combinations, divided by the number of pairs. Supports first
    derivatives only, also with respect to ``scale`` and ``bias``.

    The arguments are those of :func:`info_nce`. The paper starts ``scale`` at 10, and ``bias`` at
    -10, as most combinations are no pairs.
    """
    _check_pairs(a, b)
    return _SigLIP.apply(*map(widened, (a, b, scale, bias)), share_of(a, gather))


class _Sums(NamedTuple):
    """Sums of exponentials, as the largest exponent and the sum relative to it.

    Their logarithm as one number would lose digits: at a scale of 100 an ulp is 1e-5.
    """

    most: Float[Tensor, " rows"]
    total: Float[Tensor, " rows"]

    @classmethod
    def of(cls, logits: Tensor, axis: int) -> "_Sums":
        most = logits.amax(axis, keepdim=True)
        return cls(most.squeeze(axis), (logits - most).exp_().sum(axis))

    def plus(self, other: "_Sums") -> "_Sums":
        most = self.most.maximum(other.most)
        total = self.total * (self.most - most).exp() + other.total * (other.most - most).exp()
        return _Sums(most, total)

    def over(self, share: Share) -> "_Sums":
        most = share.largest(self.most.clone())
        return _Sums(most, share.sum(self.total * (self.most - most).exp()))


class _InfoNCE(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, scale: Tensor, share: Share) -> Tensor:
        columns = share.join(b)
        row = _Sums(a.new_empty(len(a)), a.new_empty(len(a)))
        column = _Sums(a.new_full((len(columns),), -math.inf), a.new_zeros(len(columns)))
        pair = a.new_empty(len(a))
        for block in blocks_of(a * scale, columns, share):
            sums = _Sums.of(block.logits, 1)
            row.most[block.rows], row.total[block.rows] = sums
            pair[block.rows] = block.pairs()
            column = column.plus(_Sums.of(block.logits, 0))
        column = column.over(share)
        ctx.save_for_backward(a, columns, scale, *row, *column)
        ctx.share = share
        own = _Sums(column.most[share.own], column.total[share.own])
        losses = [(sums.most - pair + sums.total.log()).sum() for sums in (row, own)]
        return share.sum(torch.stack(losses).sum() / (2 * share.total))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # named, not *args
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        a, columns, scale, *sums = ctx.saved_tensors
        row, column = _Sums(*sums[:2]), _Sums(*sums[2:])

        def by_logits(block: Block) -> Tensor:
            """Sum of both softmaxes, minus one for each at the positive pair."""
            most, total = (x[block.rows, None] for x in row)
            by_row = (block.logits - most).exp_().div_(total)
            both = block.logits.sub_(column.most).exp_().div_(column.total).add_(by_row)
            both.diagonal(block.first).sub_(2)
            return both

        share = ctx.share
        factor = gradient * share.ranks / (2 * share.total)
        return *through_logits(a, columns, scale, share, by_logits, factor), None


class _SigLIP(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, a: Tensor, b: Tensor, scale: Tensor, bias: Tensor, share: Share
    ) -> Tensor:
        columns = share.join(b)
        loss = a.new_zeros(())
        for block in blocks_of(a * scale, columns, share):
            block.logits.add_(bias)
            block.pairs().neg_()
            loss += torch.nn.functional.softplus(block.logits).sum()
        ctx.save_for_backward(a, columns, scale, bias)
        ctx.share = share
        return share.sum(loss / share.total)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # named, not *args
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        a, columns, scale, bias = ctx.saved_tensors
        by_bias = torch.zeros_like(bias)

        def by_logits(block: Block) -> Tensor:
            """Sigmoid, minus one at the positive pair."""
            likely = block.logits.add_(bias).sigmoid_()
            likely.diagonal(block.first).sub_(1)
            by_bias.add_(likely.sum())
            return likely

        share = ctx.share
        factor = gradient * share.ranks / share.total
        by_inputs = through_logits(a, columns, scale, share, by_logits, factor)
        return *by_inputs, by_bias * factor, None


def _check_pairs(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise ValueError(f"embeddings {tuple(a.shape)} and {tuple(b.shape)} are not pairs")
