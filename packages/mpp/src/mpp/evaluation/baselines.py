"""Baselines: persistence and linear extrapolation."""

import torch
from jaxtyping import Float
from torch import Tensor

Frames = Float[Tensor, "batch time fields *space"]
Future = Float[Tensor, "batch steps fields *space"]


def persistence(frames: Frames, steps: int) -> Future:
    """Repeat the last frame of a history ``steps`` times."""
    return frames[:, -1:].expand(-1, steps, *(-1,) * (frames.ndim - 2))


def linear(frames: Frames, steps: int) -> Future:
    """Extrapolate the last difference of a history; persistence if there is only one frame."""
    last = persistence(frames, steps)
    if frames.shape[1] < 2:
        return last
    numbers = torch.arange(1, steps + 1, dtype=frames.dtype, device=frames.device)
    change = frames[:, -1:] - frames[:, -2:-1]
    return last + numbers.view(-1, *(1,) * (frames.ndim - 2)) * change


BASELINES = {"persistence": persistence, "linear": linear}
