"""Accuracy of predicted counts: top-1, top-5 and mean absolute error of each region."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torchmetrics import Metric

TOP = 5
NAMES = ("top1", "top5", "mae")


class RegionScores(Metric):
    """Top-1 and top-5 accuracy and mean absolute error, per region.

    Args:
        regions: Number of regions to score.
    """

    totals: Tensor
    seen: Tensor

    def __init__(self, regions: int) -> None:
        super().__init__()
        self.add_state("totals", torch.zeros(len(NAMES), regions), dist_reduce_fx="sum")
        self.add_state("seen", torch.zeros(regions), dist_reduce_fx="sum")

    def update(
        self,
        ranked: Int64[Tensor, "batch regions top"],
        counts: Int64[Tensor, "batch regions"],
    ) -> None:
        """Add a batch; regions that a sequence does not have (negative counts) are ignored.

        Args:
            ranked: Predicted counts, most likely first; of all scored regions or the first ones.
            counts: True counts of the same regions.
        """
        there, hits = counts >= 0, ranked == counts[..., None]
        errors = (ranked[..., 0] - counts).abs()
        held = slice(counts.shape[1])
        for row, values in enumerate((hits[..., 0], hits.any(-1), errors)):
            self.totals[row, held] += torch.where(there, values, 0).sum(0)
        self.seen[held] += there.sum(0)

    def compute(self) -> dict[str, Tensor]:
        """``<metric>/region<r>`` for every region that occurred, in double precision."""
        totals, seen = self.totals.cpu().double(), self.seen.cpu().double()
        return {
            f"{name}/region{region}": totals[row, region] / seen[region]
            for row, name in enumerate(NAMES)
            for region in range(len(seen))
            if seen[region] > 0
        }


def ranking(
    logits: Float[Tensor, "batch regions classes"],
) -> Int64[Tensor, "batch regions top"]:
    """The five most likely counts, most likely first."""
    return logits.topk(min(TOP, logits.shape[-1])).indices
