"""Pointer: an answer that is a number of the text in full precision, or such a number changed.

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

WIDTH = 32  # of the keys
NEAR = 0.1  # expected distance of an answer from the number that it repeats, in normalized units


class Source(NamedTuple):
    """The numbers of texts that an answer may copy.

    Args:
        values: Numbers in their original units; NaN at words and hidden numbers.
        fields: Field of each number, and of each hidden one.
        units: Normalization of the fields.
        wanted: The hidden numbers as well, normalized, if the pointer is to be trained.
    """

    values: Float[Tensor, "batch time"]
    fields: Int64[Tensor, "batch time"]
    units: Transforms
    wanted: Float[Tensor, "batch time"] | None = None

    def seen_from(self, at: Int64[Tensor, " at"]) -> Float[Tensor, "at time"]:
        """Numbers of the own text, in the normalized units of the answer's field."""
        return self.units.forward(self.values[self._rows(at)], self.fields.flatten()[at, None])

    def linear(self, at):
        return self.units.forward(self.values, self.fields)[self._rows(at)].nan_to_num(0.0)

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


class Pointer(nn.Module):
    """Choose a number of the text, and change it.

    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query = nn.Linear(2 * dim, 2 * WIDTH)
        self.key = nn.Linear(2 * dim, 2 * WIDTH)
        self.none = nn.Parameter(torch.zeros(1))
        self.same = nn.Linear(dim, 1)

    def forward(
        self,
        head: Float[Tensor, "at 1"],
        x: Float[Tensor, "batch time dim"],
        positions: Float[Tensor, "time dim"],
        at: Int64[Tensor, " at"],
        source: Source,
    ) -> Float[Tensor, "at 3"]:
        """Answers, and copies alone.

        Args:
            head: Answers of the number head.
            x: All tokens.
            at: Indices of the answers into (batch x time).
            source: The numbers of the texts.
        """
        where = F.layer_norm(positions, positions.shape[-1:]).expand_as(x)
        marked = torch.cat((x, where), -1)
        queries, keys = (
            part.unflatten(-1, (2, WIDTH)).transpose(1, 2)
            for part in (self.query(marked), self.key(marked))
        )
        scores = queries @ keys.transpose(-1, -2) * WIDTH**-0.5
        scores, slopes = scores.transpose(1, 2).flatten(0, 1)[at].unbind(1)  # (at, time)
        values = source.seen_from(at)
        missing = values.isnan()
        values = F.pad(values.masked_fill(missing, 0.0), (1, 0))
        scores = torch.cat((self.none.expand(len(at), 1), scores.masked_fill(missing, -torch.inf)), 1)
        copy = values.gather(1, scores.argmax(1, keepdim=True))
        change = head + (slopes[:, None] @ source.linear(at)[..., None]).squeeze(-1)
        same = self.same(x.flatten(0, 1)[at])
        if self.training:
            answer = copy + change
        else:
            answer = copy + change.masked_fill(same > 0, 0.0)
        if source.wanted is None:
            return answer
        wanted = source.wanted.flatten()[at, None]
        width = torch.full_like(values, NEAR)
        width[:, 0] = 1.0
        likely = scores.log_softmax(1) - (values - wanted).abs() / width - width.log()
        pointing = -likely.logsumexp(1, keepdim=True)
        repeat = F.binary_cross_entropy_with_logits(same, (copy == wanted).float(), reduction="none")
        return torch.cat((answer, pointing, repeat), -1)
