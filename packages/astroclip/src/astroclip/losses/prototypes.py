"""Prototypes of self-distillation: head, Sinkhorn-Knopp assignment, KoLeo regularizer."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from astroclip.losses.distributed_batch import Share, share_of
from sciformer.nn.precision import widened

ROUNDS = 3  # Sinkhorn-Knopp iterations, as in DINOv2
SOFTENING = 1e-6  # added to squared distances on the unit sphere


class PrototypeHead(nn.Module):
    """MLP with a bottleneck, then cosine similarity with prototypes.

    The last layer has normalized weights (Caron et al. 2021, appendix C).

    Args:
        dim: Width of the tokens.
        prototypes: Number of prototypes.
        hidden: Hidden width of the MLP.
        bottleneck: Width of the vectors compared with prototypes.
    """

    def __init__(
        self, dim: int, prototypes: int = 1024, hidden: int = 256, bottleneck: int = 64
    ) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            *(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU()),
            nn.Linear(hidden, bottleneck),
        )
        self.prototypes = nn.Parameter(torch.randn(prototypes, bottleneck))

    def forward(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch prototypes"]:
        code = self.mlp(x)
        # A cosine in bf16 is off by 0.002, which at a temperature of 0.04 is 5 %.
        with torch.autocast(code.device.type, enabled=False):
            code, prototypes = (normalize(widened(y), dim=-1) for y in (code, self.prototypes))
            return code @ prototypes.mT


@torch.no_grad()
def sinkhorn(
    logits: Float[Tensor, "batch prototypes"], temperature: float
) -> Float[Tensor, "batch prototypes"]:
    """Sinkhorn-Knopp: assign a batch equally to all prototypes (Caron et al. 2020, section 3.1).

    It replaces DINO's centering and needs no state. The batches of all ranks count as one; every
    rank must call it. Computed in log space against underflow.

    Args:
        logits: Teacher logits.
        temperature: Divisor of the logits; above 0.

    Returns:
        Assignments; rows sum to 1. At least fp32, after three iterations.
    """
    share = share_of(logits, gather=True)
    q = widened(logits) / temperature
    for _ in range(ROUNDS):
        q = q - _log_sums(q, share)
        q = q.log_softmax(1)
    return q.exp()


def koleo(x: Float[Tensor, "batch dim"]) -> Float[Tensor, ""]:
    """KoLeo loss: minus the mean log distance to the nearest neighbor on the sphere.

    It spreads embeddings (Sablayrolles et al. 2019, arXiv 1806.03198), as in DINOv2. 1e-6 is added
    to squared distances, so that equal points have a finite loss.

    Args:
        x: Embeddings; normalized here.

    Returns:
        Loss in at least fp32; 0 for fewer than two points.
    """
    if len(x) < 2:
        return 0.0 * x.sum()
    x = normalize(widened(x), dim=1)
    near = x.detach() @ x.detach().mT
    nearest = near.fill_diagonal_(-2.0).argmax(1)
    return -((x - x[nearest]).square().sum(1) + SOFTENING).log().mean() / 2


def _log_sums(x: Float[Tensor, "batch prototypes"], share: Share) -> Float[Tensor, " prototypes"]:
    """Log of the sum of exponentials of each column, over all ranks."""
    bottom = x.new_full((1, x.shape[1]), float("-inf"))  # a rank may have no rows
    most = share.largest(torch.cat([x, bottom]).amax(0))
    return most + share.sum((x - most).exp().sum(0)).log()
