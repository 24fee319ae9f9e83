"""How well counts are predicted: top-1, top-5 and mean absolute error of each region."""

from jaxtyping import Float, Int64
from torch import Tensor

from sciformer.evaluation.metrics import PartMeans

TOP = 5


class RegionScores(PartMeans):
    """Accuracy and error of ranked counts, per region.

    Args:
        regions: Number of regions that are scored.
    """

    def __init__(self, regions: int) -> None:
        super().__init__(("top1", "top5", "mae"), "region", regions)

    def update(  # pyright: ignore[reportIncompatibleMethodOverride]  # counts, not figures
        self,
        ranked: Int64[Tensor, "batch regions top"],
        counts: Int64[Tensor, "batch regions"],
    ) -> None:
        """Add a batch; regions that a sequence does not have (negative counts) are left out.

        Args:
            ranked: Counts by how likely they are, most likely first.
            counts: The true ones.
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
