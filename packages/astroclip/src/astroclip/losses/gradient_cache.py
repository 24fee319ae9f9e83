"""Batches that do not fit: encoded in chunks, of which one at a time has its activations.

Gao et al. 2021 (arXiv 2101.06983) cache the gradients of a loss at the embeddings of a big batch,
and then encode each chunk again, to pass its rows of them on. That is what autograd does of itself
once each chunk forgets its activations, and then the loss is any function of the embeddings, its
``backward`` is the usual one, and DDP sees one backward pass.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def in_chunks(
    encode: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...], size: int
) -> tuple[Tensor, ...]:
    """Encode a batch chunk by chunk; the backward pass encodes each again, one after the other.

    Gradients are those of the whole batch at once, if what ``encode`` says of a sample does not
    depend on the others. Dropout is drawn again as it was, autocast is as it was.

    Args:
        encode: Some samples -> embeddings, and whatever else a loss takes, a row per sample.
        inputs: Of the whole batch, a row per sample.
        size: Samples of a chunk; the last may have fewer. A batch that fits is encoded once.

    Returns:
        What ``encode`` gives, of the whole batch.

    Raises:
        ValueError: If a chunk is to have no samples.
    """
    if size < 1:
        raise ValueError(f"size: chunks of {size} samples")
    if len(inputs[0]) <= size:
        return encode(*inputs)
    chunks = zip(*(x.split(size) for x in inputs), strict=True)
    parts = [checkpoint(encode, *chunk, use_reentrant=False) for chunk in chunks]
    return tuple(torch.cat(rows) for rows in zip(*parts, strict=True))
