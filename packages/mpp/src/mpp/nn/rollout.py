"""Autoregressive rollout: the network's predictions become its history."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mpp.simulate.boundary import Boundary

NextFrame = Callable[[Tensor, Tensor, Sequence[Boundary | int]], Tensor]  # signature of AViT


def rollout(
    model: NextFrame,
    frames: Float[Tensor, "batch time fields *space"],
    fields: Int64[Tensor, " fields"],
    boundaries: Sequence[Boundary | int],
    steps: int,
    inside: Float[Tensor, "batch 1 *space"] | None = None,
) -> Float[Tensor, "batch steps fields *space"]:
    """Predict several frames in turn; each prediction is appended and the oldest frame dropped.

    Gradients flow through all steps, unless the caller uses ``no_grad``.

    Args:
        model: Network that predicts the frame after a history, such as :class:`~mpp.nn.model.AViT`.
        frames: History.
        fields: Vocabulary row of each field.
        boundaries: Boundary of each axis of space.
        steps: Number of frames to predict; at least 1.
        inside: 1 at points of the domain, 0 outside, where predictions become 0; None is 1.

    Returns:
        The predicted frames.

    Raises:
        ValueError: If ``steps`` is less than 1.
    """
    if steps < 1:
        raise ValueError(f"steps: {steps} is less than 1")
    answers = []
    for _ in range(steps):
        answer = model(frames, fields, boundaries)
        answers.append(answer if inside is None else answer * inside)
        frames = torch.cat([frames[:, 1:], answers[-1].unsqueeze(1).to(frames.dtype)], 1)
    return torch.stack(answers, 1)
