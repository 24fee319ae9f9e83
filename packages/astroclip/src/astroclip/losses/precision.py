"""fp32 for losses, whatever the precision of the networks."""

import torch
from torch import Tensor


def widened(x: Tensor) -> Tensor:
    """Cast half precision to fp32; leave fp32 and fp64 unchanged."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
