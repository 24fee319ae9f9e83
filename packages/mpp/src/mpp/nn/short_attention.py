"""Attention along lines of tokens; short ones are computed several at a time on a CPU."""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from sciformer.nn.attention import attend

HIDDEN = -1e30  # added to a score: a weight of exactly 0; with -inf ``attend`` looks for empty rows


def attend_lines(
    q: Float[Tensor, "heads lines queries head_dim"],
    k: Float[Tensor, "heads lines length head_dim"],
    v: Float[Tensor, "heads lines length head_dim"],
    bias: Float[Tensor, "heads queries length"] | None,
) -> Float[Tensor, "heads lines queries head_dim"]:
    """Attend within each line.

    A softmax over fewer numbers than a vector register holds runs one by one: in fp32 over rows of
    8 it takes 440 us where over rows of 16 (twice the scores) it takes 65, and in bf16 630 us over
    rows of 16 where over 32 it takes 145. So neighbours share a row, and do not see each other.

    Args:
        q: Queries; heads first, which is how they lie in memory.
        k: Keys.
        v: Values.
        bias: Added to the scores of every line.

    Returns:
        One vector per query.
    """
    packed = together(q, k.shape[2])
    if packed > 1:
        bias = block_diagonal(bias, packed, q, k)
        shape = q.shape
        q, k, v = (_pack(x, packed) for x in (q, k, v))
        return attend(q, k, v, bias=bias[:, None]).reshape(shape)
    return attend(q, k, v, bias=None if bias is None else bias[:, None])


def together(q: Tensor, length: int) -> int:
    """How many lines share a row of scores: what fills a register and divides their number."""
    if not q.is_cpu or torch.compiler.is_compiling():
        return 1
    half = q.dtype == torch.bfloat16 or torch.is_autocast_enabled("cpu")
    most = max(1, (32 if half else 16) // length)
    return next(n for n in range(most, 0, -1) if q.shape[1] % n == 0)


def block_diagonal(bias: Tensor | None, packed: int, q: Tensor, k: Tensor) -> Tensor:
    """The bias of each line with itself, and ``HIDDEN`` between lines."""
    others = _others(packed, q.shape[2], k.shape[2], q.device)
    if bias is None:
        return q.new_zeros(1, *others.shape).masked_fill(others, HIDDEN)
    return bias.repeat(1, packed, packed).masked_fill(others, HIDDEN)


@lru_cache(64)
def _others(packed: int, queries: int, length: int, device: torch.device) -> Tensor:
    """Whether query and key are of different lines; kept."""
    with torch.inference_mode(False):  # see mpp.nn.bias.buckets
        line = torch.arange(packed, device=device)
        rows, columns = line.repeat_interleave(queries), line.repeat_interleave(length)
        return rows[:, None] != columns


def _pack(x: Tensor, packed: int) -> Tensor:
    heads, lines, length, head_dim = x.shape
    return x.reshape(heads, lines // packed, packed * length, head_dim)
