"""Quantiles of an answer, which never cross."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

NARROWEST, WIDEST = -14.0, 6.0  # log of the width, in normalized units


class Quantiles(nn.Module):
    """Quantiles around an answer, rising by construction.

    A network of two layers says from the token how far they are apart:

        q_k = answer + exp(w) (s + d_k), with d_k - d_(k-1) = softplus(g_k) > 0 and mean d = 0

    Neither the token nor the answer gets a gradient, so that the answers are those of a network
    without quantiles.

    Args:
        dim: Width of the tokens.
        hidden: Hidden width.
        count: Number of quantiles; at the levels of :func:`levels`.
    """

    def __init__(self, dim: int, hidden: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.parts = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, count + 1))

    def forward(
        self, x: Float[Tensor, "*at dim"], answer: Float[Tensor, "*at 1"]
    ) -> Float[Tensor, "*at levels"]:
        width, shift, gaps = self.parts(x.detach()).tensor_split([1, 2], -1)
        rising = F.pad(F.softplus(gaps).cumsum(-1), (1, 0))
        centered = rising - rising.mean(-1, keepdim=True) + shift
        spread = width.clamp(NARROWEST, WIDEST).exp() * centered / self.count
        return answer.detach() + spread


def levels(count: int) -> Float[Tensor, " levels"]:
    """Levels of equally spaced quantiles: the middles of ``count`` equal parts of (0, 1).

    Ten of them hold 0.05 and 0.95, the ends of a 90 % interval.
    """
    return (torch.arange(count, dtype=torch.float64) + 0.5) / count


def at_level(quantiles: Float[Tensor, "*batch levels"], level: float) -> Float[Tensor, "*batch"]:
    """Quantile at any level, linear between those of :func:`levels`, the outermost beyond."""
    count = quantiles.shape[-1]
    place = min(max(level * count - 0.5, 0.0), count - 1.0)
    low = int(place)
    high = min(low + 1, count - 1)
    return torch.lerp(quantiles[..., low], quantiles[..., high], place - low)
