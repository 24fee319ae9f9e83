"""Means of errors over all windows of each system, on all ranks."""

import torch
from jaxtyping import Float64
from torch import Tensor
from torchmetrics import Metric

from mpp.metrics import Scores


class SystemScores(Metric):
    """Mean error of each system at each step.

    Args:
        systems: How many there are.
        steps: Predicted frames.
    """

    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self, systems: int, steps: int) -> None:
        super().__init__()
        zeros = torch.zeros(systems, steps, dtype=torch.float64)
        self.add_state("total", zeros, dist_reduce_fx="sum")
        self.add_state("count", zeros[:, :1].clone(), dist_reduce_fx="sum")

    def update(self, system: int, errors: Scores) -> None:
        """Add the errors of a batch of a system."""
        self.total[system] += errors.sum((0, 2))
        self.count[system] += errors[:, 0].numel()

    def compute(self) -> Tensor:
        """As ``table``, but torchmetrics makes a scalar of a single number."""
        return self.total / self.count

    def table(self) -> Float64[Tensor, "systems steps"]:
        """The means; NaN where a system had no window."""
        return self.compute().reshape(self.total.shape)
