"""Attention by kind of token: how much of it lands on brackets, on numbers, on near cells."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

TINY = 1e-12


class ByKind(NamedTuple):
    """Attention of every query by kind of token.

    Args:
        number: Tokens of the kind.
        mass: Attention on the kind; over all kinds its sum is that of the pattern, 1.
        value: Attention-weighted sum of the values of the kind; over all kinds its sum is ``z``.
    """

    number: Float[Tensor, "*lead queries kinds"]
    mass: Float[Tensor, "*lead queries kinds"]
    value: Float[Tensor, "*lead queries kinds head_dim"]

    @property
    def mean_value(self) -> Float[Tensor, "*lead queries kinds head_dim"]:
        """Attention-weighted mean value of each kind; 0 where there is no attention."""
        return self.value / self.mass.clamp_min(TINY)[..., None]


def attention_by_kind(
    pattern: Float[Tensor, "*lead queries keys"],
    value: Float[Tensor, "*lead keys head_dim"],
    kinds: Int64[Tensor, "*#lead #queries keys"],
    count: int,
) -> ByKind:
    """Sum attention and values by kind of token.

    Args:
        pattern: Attention weights: the site ``pattern``.
        value: Values: the site ``value``.
        kinds: Kind of each key, which may differ from query to query; broadcasts to the pattern.
        count: Number of kinds.

    Returns:
        The sums.

    Raises:
        ValueError: If a kind is not in 0 to ``count`` - 1.
    """
    if kinds.numel() and not 0 <= int(kinds.min()) <= int(kinds.max()) < count:
        bad = int(kinds.max() if kinds.min() >= 0 else kinds.min())
        raise ValueError(f"kind {bad} is none of 0 to {count - 1}")
    hot = (kinds[..., None] == torch.arange(count, device=kinds.device)).to(pattern.dtype)
    hot = hot.expand(*pattern.shape, count)
    weighted = pattern[..., None] * hot
    summed = torch.einsum("...qkc,...ke->...qce", weighted, value.to(pattern.dtype))
    return ByKind(hot.sum(-2), weighted.sum(-2), summed)
