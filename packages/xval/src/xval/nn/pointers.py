"""Pointers: answers that copy numbers of the text, or add them up, in full precision.

The norm behind the embedding squeezes a number, and no later layer can undo it. A pointer is an
attention whose values are the numbers themselves (pointer networks: Vinyals et al. 2015, arXiv
1506.03134; gated copying: See et al. 2017, arXiv 1704.04368).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from xval.encodings.normalization import Transforms

WIDTH = 32  # of a pointer's keys
BLUNT = 1.0  # logarithm of the scale of cosines before training: the choice comes first
CLOSED = -2.0  # logit of the gate of the change before training
SURE = 0.99  # a weight beyond it is 1 outside of training,
SMALL = 1e-3  # and a change below it, in normalized units, is 0


class Source(NamedTuple):
    """The numbers of texts that an answer may copy.

    Args:
        values: Numbers in their original units; NaN at words and hidden numbers.
        fields: Field of each number, and of each hidden one.
        units: Normalization of the fields.
    """

    values: Float[Tensor, "batch time"]
    fields: Int64[Tensor, "batch time"]
    units: Transforms

    def seen_from(self, at: Int64[Tensor, " at"]) -> Float[Tensor, "at time"]:
        """Numbers of the own text, in the normalized units of the answer's field."""
        return self.units.forward(self.values[self._rows(at)], self.fields.flatten()[at, None])

    def as_written(
        self,
        numbers: Float[Tensor, " at"],
        normalized: Float[Tensor, " at"],
        at: Int64[Tensor, " at"],
    ) -> Float[Tensor, " at"]:
        """Numbers of the text for the answers that are copies of them, without rounding.

        Args:
            numbers: Answers in original units.
            normalized: The same in normalized units.
            at: Their places in (batch x time).
        """
        same = self.seen_from(at) == normalized[:, None]
        first = same.to(torch.int8).argmax(1, keepdim=True)
        copies = self.values[self._rows(at)].gather(1, first).squeeze(1)
        return copies.where(same.any(1), numbers)

    def _rows(self, at: Int64[Tensor, " at"]) -> Int64[Tensor, " at"]:
        return at // self.values.shape[1]


class Pointers(nn.Module):
    """Copy a number of the text, and change the copy.

    With softmax weights w_h over the numbers z_j of the text (and one that stands for none, which
    is 0), gains a_h and g of the answer's token, and the answer y of the number head:

        copy = sum_j w_0j z_j,  answer = copy + g (y + sum_h a_h sum_j w_hj z_j)

    The copy is trained by its own error, the change by what is left, so that it vanishes where the
    copy is right. Outside of training a copy that is nearly certain is exact.

    Args:
        dim: Width of the tokens.
        count: Number of pointers.
    """

    def __init__(self, dim: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.query = nn.Linear(dim, count * WIDTH)
        self.key = nn.Linear(dim, count * WIDTH)
        self.none = nn.Parameter(torch.zeros(count, 1))
        self.sharpness = nn.Parameter(torch.full((count, 1, 1), BLUNT))
        self.gains = nn.Linear(dim, count + 1)
        nn.init.zeros_(self.gains.weight)
        nn.init.zeros_(self.gains.bias)
        nn.init.constant_(self.gains.bias[-1:], CLOSED)

    def forward(
        self,
        head: Float[Tensor, "at 1"],
        x: Float[Tensor, "batch time dim"],
        at: Int64[Tensor, " at"],
        source: Source,
    ) -> Float[Tensor, "at 2"]:
        """Answers, and copies alone.

        Args:
            head: Answers of the number head.
            x: All tokens.
            at: Indices of the answers into (batch x time).
            source: The numbers of the texts.
        """
        queries, keys = (
            part.unflatten(-1, (self.count, WIDTH)).transpose(1, 2)
            for part in (self.query(x), self.key(x))
        )
        queries, keys = F.normalize(queries, dim=-1), F.normalize(keys, dim=-1)
        scores = (queries @ keys.transpose(-1, -2) * self.sharpness.exp()).transpose(1, 2)
        scores = scores.flatten(0, 1)[at]  # (at, pointer, time)
        values = source.seen_from(at)
        missing = values.isnan()
        scores = scores.masked_fill(missing[:, None], -torch.inf)
        none = self.none.expand(len(at), -1, -1)
        weights = torch.softmax(torch.cat((none, scores), -1), -1)
        if not self.training:
            sure = weights.amax(-1, keepdim=True) > SURE
            weights = torch.where(sure, (weights > SURE).to(weights), weights)
        pointed = (weights[..., 1:] @ values.masked_fill(missing, 0.0)[..., None]).squeeze(-1)
        gains, gate = self.gains(x.flatten(0, 1)[at]).split((self.count, 1), -1)
        change = gate.sigmoid() * (head + (gains * pointed).sum(-1, keepdim=True))
        if not self.training:
            exact = weights[:, 0, 1:].amax(-1, keepdim=True) == 1
            change = change.masked_fill(exact & (change.abs() < SMALL), 0.0)
        copy = pointed[:, :1]
        return torch.cat((copy.detach() + change, copy), -1)
