"""Losses of quantiles: pinball, and their mean, half of the continuous ranked probability score."""

import torch
from jaxtyping import Float
from torch import Tensor

from xval.nn.quantiles import levels


def pinball(
    quantiles: Float[Tensor, "*batch levels"],
    truth: Float[Tensor, "*batch"],
    at: Float[Tensor, " levels"],
) -> Float[Tensor, "*batch levels"]:
    """Pinball loss, whose mean is least at the quantile (Koenker and Bassett 1978).

    Args:
        quantiles: Predicted quantiles.
        truth: True values.
        at: Level of each quantile, in (0, 1).

    Returns:
        ``max(level * error, (level - 1) * error)`` with the error truth - quantile.
    """
    error = truth[..., None] - quantiles
    at = at.to(error)
    return torch.maximum(at * error, (at - 1) * error)


def crps(
    quantiles: Float[Tensor, "*batch levels"], truth: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Continuous ranked probability score of quantiles, at ``xval.nn.quantiles.levels``.

    The score is twice the integral of the pinball loss over all levels (Gneiting and Ranjan 2011,
    equation 7), here by the midpoint rule. A single quantile has the absolute error.

    Args:
        quantiles: Predicted quantiles; at least one.
        truth: True values.

    Returns:
        The score of each prediction, in units of the truth; smaller is better.
    """
    return 2 * pinball(quantiles, truth, levels(quantiles.shape[-1])).mean(-1)
