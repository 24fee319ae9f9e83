"""Accuracy of predicted counts: top-1, top-5 and mean absolute error of each region."""

from jaxtyping import Float, Int64
from torch import Tensor

from sciformer.evaluation.metrics import PartMeans

TOP = 5


class RegionScores(PartMeans):
    """Top-1 and top-5 accuracy and mean absolute error, per region.

    Args:
        regions: Number of regions to score.
    """

    def __init__(self, regions: int) -> None:
        super().__init__(("top1", "top5", "mae"), "region", regions)

    def update(  # pyright: ignore[reportIncompatibleMethodOverride]  # counts, not figures
        self,
        ranked: Int64[Tensor, "batch regions top"],
        counts: Int64[Tensor, "batch regions"],
    ) -> None:
        """Add a batch; regions that a sequence does not have (negative counts) are ignored.

        Args:
            ranked: Predicted counts, most likely first.
            counts: True counts.
        """
        hits = ranked == counts[..., None]
        figures = {
            "top1": hits[..., 0],
            "top5": hits.any(-1),
            "mae": (ranked[..., 0] - counts).abs(),
        }
        super().update(figures, counts >= 0)


def ranking(
    logits: Float[Tensor, "batch regions classes"],
) -> Int64[Tensor, "batch regions top"]:
    """The five most likely counts, most likely first."""
    return logits.topk(min(TOP, logits.shape[-1])).indices
