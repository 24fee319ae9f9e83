"""Predict many frames: the network's own answers become its history."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mpp.nn.bias import Boundary

NextFrame = Callable[[Tensor, Tensor, Sequence[Boundary | int]], Tensor]  # AViT, or what acts so


def rollout(
    model: NextFrame,
    frames: Float[Tensor, "batch time fields *space"],
    fields: Int64[Tensor, " fields"],
    boundaries: Sequence[Boundary | int],
    steps: int,
) -> Float[Tensor, "batch steps fields *space"]:
    """Predict some frames one after the other; each answer takes the place of the oldest frame.

    Gradients flow through all steps, unless the caller says ``no_grad``.

    Args:
        model: Predicts the frame after the last of a history, as :class:`~mpp.nn.model.AViT` does.
        frames: The history.
        fields: The row of the vocabulary of each field.
        boundaries: Of each axis of space.
        steps: Frames to predict.

    Returns:
        The frames after the history.

    Raises:
        ValueError: If there is no frame to predict.
    """
    if steps < 1:
        raise ValueError(f"steps: {steps} is less than 1")
    answers = []
    for _ in range(steps):
        answers.append(model(frames, fields, boundaries))
        frames = torch.cat([frames[:, 1:], answers[-1].unsqueeze(1).to(frames.dtype)], 1)
    return torch.stack(answers, 1)
