"""The numbers of texts as written, which an answer may copy."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from xval.encodings.normalization import Transforms


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

    def relative_to(
        self, copy: Float[Tensor, "at 1"], at: Int64[Tensor, " at"]
    ) -> Float[Tensor, "at time"]:
        """Numbers of the own text, each in the normalized units of its own field.

        From those of the answer's field the copy is subtracted. The answer counts as 1, as in the
        number channel, and words and other hidden numbers as 0.
        """
        rows, places = self._rows(at), at % self.values.shape[1]
        own = self.units.forward(self.values, self.fields)[rows]
        alike = self.fields[rows] == self.fields.flatten()[at, None]
        numbers = torch.where(alike, own - copy, own).nan_to_num(0.0)
        return numbers.scatter(1, places[:, None], 1.0)

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

        Returns:
            Answers, of which the copies are as in the text.
        """
        same = self.seen_from(at) == normalized[:, None]
        first = same.to(torch.int8).argmax(1, keepdim=True)
        copies = self.values[self._rows(at)].gather(1, first).squeeze(1)
        return copies.where(same.any(1), numbers)

    def _rows(self, at: Int64[Tensor, " at"]) -> Int64[Tensor, " at"]:
        return at // self.values.shape[1]
