"""Kinds of tokens relative to each region: own, earlier, next and later brackets, and so on."""

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from contextual_counting.nn.model import BEGIN
from contextual_counting.simulate.sequences import CLOSE, ONE, OPEN, ZERO

KINDS = (
    "own 1s",
    "begin",
    "own [",
    "own ]",
    "earlier [",
    "earlier ]",
    "next [",
    "next ]",
    "later [",
    "later ]",
    "own 0s",
    "other 0s",
    "1s of other regions",
    "1s outside",
)
OWN_ONES = 0
CLASSES = ("0", "1", "[", "]", "begin")


def places(tokens: Int64[Tensor, "batch keys"]) -> Int64[Tensor, "batch keys"]:
    """Place of every token relative to the regions.

    Args:
        tokens: Sequences, with or without a beginning token.

    Returns:
        ``r`` from the r-th ``[`` to the r-th ``]``, counted from 1; 0 before the first region;
            ``-r``
        between the r-th region and the next, or after the last.
    """
    opened, closed = (tokens == OPEN).cumsum(1), (tokens == CLOSE).cumsum(1)
    inside = (opened > closed) | (tokens == CLOSE)
    return torch.where(inside, opened, -opened)


def kinds(
    tokens: Int64[Tensor, "batch keys"], regions: int
) -> Int64[Tensor, "batch {regions} keys"]:
    """Kind of each token relative to each region.

    A region always has the same number of earlier brackets. Whether a next region exists, and how
    many later ones, depends on the sequence.

    Args:
        tokens: Sequences, with or without a beginning token.
        regions: Number of regions.

    Returns:
        Indices into ``KINDS``.
    """
    place = places(tokens)[:, None].expand(-1, regions, -1)  # (B, R, K)
    asks = torch.arange(1, regions + 1)[:, None]
    own, token = place == asks, tokens[:, None].expand_as(place)
    found = torch.full_like(token, KINDS.index("1s outside"))
    found[token == BEGIN] = KINDS.index("begin")
    found[(token == ONE) & (place > 0)] = KINDS.index("1s of other regions")
    found[(token == ONE) & own] = OWN_ONES
    found[token == ZERO] = KINDS.index("other 0s")
    found[(token == ZERO) & own] = KINDS.index("own 0s")
    for bracket, name in ((OPEN, "["), (CLOSE, "]")):
        found[token == bracket] = KINDS.index(f"later {name}")
        found[(token == bracket) & (place < asks)] = KINDS.index(f"earlier {name}")
        found[(token == bracket) & (place == asks + 1)] = KINDS.index(f"next {name}")
        found[(token == bracket) & own] = KINDS.index(f"own {name}")
    return found


def one_hot(
    found: Int64[Tensor, "batch regions keys"],
) -> Bool[Tensor, "batch regions keys kinds"]:
    """One-hot kinds."""
    return found[..., None] == torch.arange(len(KINDS))
