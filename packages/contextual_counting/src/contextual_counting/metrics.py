"""How well counts are predicted, for each region apart: means over regions hide that some fail."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torchmetrics import Metric

TOP = 5


class RegionScores(Metric):
    """Top-1 and top-5 accuracy and mean absolute error of the most likely count, per region.

    Args:
        regions: Number of regions that are scored.
    """

    hits1: Tensor
    hits5: Tensor
    errors: Tensor
    seen: Tensor

    def __init__(self, regions: int) -> None:
        super().__init__()
        for name in ("hits1", "hits5", "errors", "seen"):
            self.add_state(name, torch.zeros(regions, dtype=torch.long), dist_reduce_fx="sum")

    def update(
        self,
        ranked: Int64[Tensor, "batch regions top"],
        counts: Int64[Tensor, "batch regions"],
    ) -> None:
        """Add a batch; regions that a sequence does not have (negative counts) are left out."""
        there = counts >= 0
        hits = (ranked == counts[..., None]) & there[..., None]
        asked = slice(counts.shape[1])
        self.hits1[asked] += hits[..., 0].sum(0)
        self.hits5[asked] += hits.any(-1).sum(0)
        self.errors[asked] += ((ranked[..., 0] - counts).abs() * there).sum(0)
        self.seen[asked] += there.sum(0)

    def compute(self) -> dict[str, Tensor]:
        """For each region that was seen: ``top1/region0``, ``top5/region0``, ``mae/region0``."""
        totals = {"top1": self.hits1, "top5": self.hits5, "mae": self.errors}
        return {
            f"{name}/region{region}": total[region] / self.seen[region]
            for name, total in totals.items()
            for region in range(len(total))
            if self.seen[region] > 0
        }


def ranking(
    logits: Float[Tensor, "batch regions classes"],
) -> Int64[Tensor, "batch regions top"]:
    """The five most likely counts, most likely first."""
    return logits.topk(min(TOP, logits.shape[-1])).indices
