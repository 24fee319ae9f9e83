"""Kinds of tokens as the prompt of a region sees them: its own bracket is not like any other."""

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from contextual_counting.model import BEGIN
from contextual_counting.simulate import CLOSE, ONE, OPEN, ZERO

KINDS = (
    "own 1s",
    "begin",
    "own [",
    "own ]",
    "other [",
    "other ]",
    "own 0s",
    "other 0s",
    "1s of other regions",
    "1s outside",
)
OWN_ONES = 0
CLASSES = ("0", "1", "[", "]", "begin")


def places(tokens: Int64[Tensor, "batch keys"]) -> Int64[Tensor, "batch keys"]:
    """Number every token by where it is.

    Args:
        tokens: Sequences, with or without a beginning token.

    Returns:
        ``r`` for all from the r-th ``[`` to the r-th ``]``, counted from 1; 0 before the first
        region, ``-r`` between the r-th and the next, or behind the last.
    """
    opened, closed = (tokens == OPEN).cumsum(1), (tokens == CLOSE).cumsum(1)
    inside = (opened > closed) | (tokens == CLOSE)
    return torch.where(inside, opened, -opened)


def kinds(
    tokens: Int64[Tensor, "batch keys"], regions: int
) -> Int64[Tensor, "batch {regions} keys"]:
    """What each token is to each region.

    Args:
        tokens: Sequences, with or without a beginning token.
        regions: Number of regions that ask.

    Returns:
        Indices of ``KINDS``.
    """
    own = places(tokens)[:, None] == torch.arange(1, regions + 1)[:, None]  # (B, R, K)
    token = tokens[:, None].expand_as(own)
    inside = (places(tokens) > 0)[:, None].expand_as(own)
    found = torch.full_like(token, KINDS.index("1s outside"))
    for value, here, there in (
        (ZERO, "own 0s", "other 0s"),
        (OPEN, "own [", "other ["),
        (CLOSE, "own ]", "other ]"),
    ):
        chosen = torch.where(own, KINDS.index(here), KINDS.index(there))
        found = torch.where(token == value, chosen, found)
    found[(token == BEGIN)] = KINDS.index("begin")
    found[(token == ONE) & inside] = KINDS.index("1s of other regions")
    found[(token == ONE) & own] = OWN_ONES
    return found


def one_hot(
    found: Int64[Tensor, "batch regions keys"],
) -> Bool[Tensor, "batch regions keys kinds"]:
    """The kinds as one channel each."""
    return found[..., None] == torch.arange(len(KINDS))
