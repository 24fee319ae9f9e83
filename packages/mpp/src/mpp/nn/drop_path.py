"""Stochastic depth, sample by sample."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sciformer.arguments import ArgumentError


class DropPath(nn.Module):
    """Leave a residual branch out for some samples of a batch while training (Huang et al. 2016).

    What stays is divided by the chance to stay. Frames of one sample stay or go together.

    Args:
        rate: Chance that a sample goes without the branch; at least 0, below 1.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0.0 <= rate < 1.0:
            raise ArgumentError("drop_path", f"{rate} is not in [0, 1)")
        self.rate = rate

    def forward(self, x: Float[Tensor, " *sizes"]) -> Float[Tensor, " *sizes"]:
        if not self.training or self.rate == 0.0:
            return x
        shape = (len(x),) + (1,) * (x.ndim - 1)
        keep = torch.empty(shape, dtype=x.dtype, device=x.device).bernoulli_(1.0 - self.rate)
        return x * keep.div_(1.0 - self.rate)
