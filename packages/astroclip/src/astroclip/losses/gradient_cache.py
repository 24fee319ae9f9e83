"""Gradient caching for contrastive batches that do not fit in memory (Gao et al. 2021, 2101.06983).

Gao et al. cache the gradients of the loss with respect to the embeddings, then encode each chunk
again and backpropagate. Here activation checkpointing of each chunk has the same effect: any loss
of the embeddings works, with one ordinary ``backward``, and DDP sees one backward pass.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def in_chunks(
    encode: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...], size: int
) -> tuple[Tensor, ...]:
    """Encode a batch in chunks with activation checkpointing (recomputed in the backward pass).

    Gradients equal those of the whole batch, if the embedding of a sample does not depend on the
    others. Dropout and autocast are the same in both passes.

    Args:
        encode: Function from samples to embeddings and other outputs, a row per sample.
        inputs: Tensors of the whole batch, a row per sample.
        size: Samples per chunk, at least 1; a batch that fits is encoded once.

    Returns:
        Outputs of ``encode`` for the whole batch.

    Raises:
        ValueError: If ``size`` is less than 1.
    """
    if size < 1:
        raise ValueError(f"size: chunks of {size} samples")
    if len(inputs[0]) <= size:
        return encode(*inputs)
    chunks = zip(*(x.split(size) for x in inputs), strict=True)
    parts = [checkpoint(encode, *chunk, use_reentrant=False) for chunk in chunks]
    return tuple(torch.cat(rows) for rows in zip(*parts, strict=True))
