"""How images are assigned to prototypes, by student and teacher, and what keeps them apart."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from astroclip.losses.distributed_batch import Share, share_of
from astroclip.losses.precision import widened

ROUNDS = 3  # of Sinkhorn and Knopp, as in DINOv2
SOFTENING = 1e-6  # of squared distances on the unit sphere


class PrototypeHead(nn.Module):
    """Cosines of tokens with prototypes, behind an MLP with a bottleneck.

    The last layer is normalized by weight, with norms fixed at 1 (Caron et al. 2021, appendix C).

    Args:
        dim: Width of the tokens.
        prototypes: Number of them.
        hidden: Width of the MLP.
        bottleneck: Numbers that are compared.
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
    """Assign the batch to all prototypes equally (Caron et al. 2020, arXiv 2006.09882, 3.1).

    That takes the place of DINO's centering, without a state. The batches of all ranks count as
    one; every rank has to call it. In logarithms, so that nothing underflows.

    Args:
        logits: Of the teacher.
        temperature: That they are divided by.

    Returns:
        Rows that sum to 1, in fp32 at least, as the last of three rounds leaves them.
    """
    share = share_of(logits, gather=True)
    q = widened(logits) / temperature
    for _ in range(ROUNDS):
        q = q - _log_sums(q, share)
        q = q.log_softmax(1)
    return q.exp()


def koleo(x: Float[Tensor, "batch dim"]) -> Float[Tensor, ""]:
    """Spread points over the sphere: minus the mean log distance to the nearest other one.

    Sablayrolles et al. 2019 (arXiv 1806.03198), as in DINOv2. Squared distances are softened by
    1e-6: two equal points have a finite loss and do not push each other.

    Args:
        x: Points, normalized here.

    Returns:
        The loss in fp32 at least; 0 for fewer than two.
    """
    if len(x) < 2:
        return 0.0 * x.sum()
    x = normalize(widened(x), dim=1)
    near = x.detach() @ x.detach().mT
    nearest = near.fill_diagonal_(-2.0).argmax(1)
    return -((x - x[nearest]).square().sum(1) + SOFTENING).log().mean() / 2


def _log_sums(x: Float[Tensor, "batch prototypes"], share: Share) -> Float[Tensor, " prototypes"]:
    """Of the exponentials of each column, over all ranks."""
    bottom = x.new_full((1, x.shape[1]), float("-inf"))  # a rank may have no rows
    most = share.largest(torch.cat([x, bottom]).amax(0))
    return most + share.sum((x - most).exp().sum(0)).log()
