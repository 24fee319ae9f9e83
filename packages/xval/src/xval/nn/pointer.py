"""Pointer: an answer that is a number of the text in full precision, or such a number changed.

The norm behind the embedding squeezes a number, and no later layer can undo it. A pointer is an
attention whose values are the numbers themselves (pointer networks: Vinyals et al. 2015, arXiv
1506.03134; gated copying: See et al. 2017, arXiv 1704.04368).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from xval.nn.source import Source

WIDTH = 32  # of the keys
NEAR = 0.1  # expected distance of an answer from the number that it repeats, in normalized units


class Pointer(nn.Module):
    """Choose a number of the text and change it, or answer without any.

    An attention over the numbers z_j of the text, and over one more choice for none of them,
    chooses the one with the largest weight w_j. It is trained by the likelihood of the answer y
    under Laplace distributions around all of them, -log sum_j w_j exp(-|z_j - y| / NEAR) / NEAR,
    so that the choice is a number and never a mean of several. Each place j of a text has a vector
    r_j, and a small network g says how the numbers change the chosen one, z:

        answer = z + g(u) . u, with u = sum_j (z_j - z) r_j

    Where none is chosen, the answer of the number head stands for z, and 0 for it in u. Every
    linear regression on the numbers of a text is such an answer. Outside of training z is repeated
    exactly where that is more likely than not: it is the median then.

    Args:
        dim: Width of the tokens.
        length: Longest text, in tokens.
    """

    def __init__(self, dim: int, length: int) -> None:
        super().__init__()
        self.query = nn.Linear(2 * dim, WIDTH)
        self.key = nn.Linear(2 * dim, WIDTH)
        self.none = nn.Parameter(torch.zeros(1))
        self.repeat = nn.Linear(dim, 1)
        self.places = nn.Parameter(torch.randn(length, WIDTH) * 0.5)
        self.gains = nn.Sequential(
            nn.LayerNorm(WIDTH),
            nn.Linear(WIDTH, 2 * WIDTH),
            nn.GELU(),
            nn.Linear(2 * WIDTH, WIDTH),
        )
        for parameter in self.gains[-1].parameters():
            nn.init.zeros_(parameter)  # no change before training

    def forward(
        self,
        head: Float[Tensor, "at 1"],
        x: Float[Tensor, "batch time dim"],
        positions: Float[Tensor, "time dim"],
        at: Int64[Tensor, " at"],
        source: Source,
    ) -> Float[Tensor, "at columns"]:
        """Answers in normalized units, and the losses that train the pointer.

        Args:
            head: Answers of the number head.
            x: All tokens.
            positions: Vectors of the places.
            at: Indices of the answers into (batch x time).
            source: The numbers of the texts.

        Returns:
            A column of answers; with ``source.wanted`` one each for the loss of the choice and of
            the decision to repeat it.
        """
        where = F.layer_norm(positions, positions.shape[-1:])
        scores, values = self._choices(torch.cat((x, where.expand_as(x)), -1), at, source)
        chosen = scores.argmax(1, keepdim=True)
        number = values.gather(1, chosen)
        read = source.relative_to(number, at) @ self.places[: x.shape[1]]
        change = (self.gains(read) * read).sum(1, keepdim=True) * WIDTH**-0.5
        repeat = self.repeat(x.flatten(0, 1)[at])
        if not self.training:
            change = change.masked_fill(repeat > 0, 0.0)
        answer = torch.where(chosen == 0, head, number) + change
        if source.wanted is None:
            return answer
        wanted = source.wanted.flatten()[at, None]
        same = (number == wanted).float()
        repeats = F.binary_cross_entropy_with_logits(repeat, same, reduction="none")
        return torch.cat((answer, _unlikely(scores, values, wanted), repeats), 1)

    def _choices(self, tokens: Tensor, at: Tensor, source: Source) -> tuple[Tensor, Tensor]:
        """Scores and numbers that may be chosen, of which the first stands for none."""
        scores = self.query(tokens) @ self.key(tokens).transpose(1, 2) * WIDTH**-0.5
        values = source.seen_from(at)
        missing = values.isnan()
        scores = scores.flatten(0, 1)[at].masked_fill(missing, -torch.inf)
        scores = torch.cat((self.none.expand(len(at), 1), scores), 1)
        return scores, F.pad(values.masked_fill(missing, 0.0), (1, 0))


def _unlikely(scores: Tensor, values: Tensor, wanted: Tensor) -> Tensor:
    """Negative log-likelihood of the answer, if it is near the chosen number, or 1 from 0."""
    near = torch.full_like(values, NEAR)
    near[:, 0] = 1.0
    likely = scores.log_softmax(1) - (values - wanted).abs() / near - near.log()
    return -likely.logsumexp(1, keepdim=True)
