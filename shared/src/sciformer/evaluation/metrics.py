"""Metrics that projects share: means that are kept apart by part."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor
from torchmetrics import Metric


class PartMeans(Metric):
    """Means of several figures for every part apart: region, field or horizon.

    A mean over the parts would hide the one that fails.

    Args:
        figures: Names of what is averaged.
        part: What a part is called.
        parts: Number of parts.
    """

    totals: Tensor
    seen: Tensor

    def __init__(self, figures: Sequence[str], part: str, parts: int) -> None:
        super().__init__()
        self.figures = tuple(figures)
        self.part = part
        self.add_state("totals", torch.zeros(len(self.figures), parts), dist_reduce_fx="sum")
        self.add_state("seen", torch.zeros(parts), dist_reduce_fx="sum")

    def update(
        self,
        figures: Mapping[str, Shaped[Tensor, "batch parts"]],
        there: Bool[Tensor, "batch parts"],
    ) -> None:
        """Add a batch, which may hold the first few of the parts only.

        Args:
            figures: One number for each sample and part.
            there: Which of them count.
        """
        held = slice(there.shape[1])
        for row, name in enumerate(self.figures):
            self.totals[row, held] += torch.where(there, figures[name], 0).sum(0)
        self.seen[held] += there.sum(0)

    def compute(self) -> dict[str, Tensor]:
        """``<figure>/<part><number>`` for every part that was seen, in double precision."""
        totals, seen = self.totals.cpu().double(), self.seen.cpu().double()
        return {
            f"{name}/{self.part}{number}": totals[row, number] / seen[number]
            for row, name in enumerate(self.figures)
            for number in range(len(seen))
            if seen[number] > 0
        }
