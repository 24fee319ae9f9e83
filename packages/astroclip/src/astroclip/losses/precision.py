"""Losses are computed in fp32, whatever the networks are."""

import torch
from torch import Tensor


def widened(x: Tensor) -> Tensor:
    """Half precision as fp32; fp32 and double stay what they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
