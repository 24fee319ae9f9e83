"""The fields that a network knows by name."""

from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

from sciformer.arguments import ArgumentError


class Vocabulary:
    """Names of fields, each with its row in stem and head.

    Args:
        names: Of the rows, in order; no name twice.

    Raises:
        ValueError: If a name is there twice.
    """

    def __init__(self, names: Sequence[str]) -> None:
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ArgumentError("fields", f"{', '.join(twice)}: there twice")
        self.names = tuple(names)

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, names: Sequence[str]) -> Int64[Tensor, " fields"]:
        """The rows of some fields, in their order.

        Args:
            names: Of the fields.

        Returns:
            Indices, as the network takes them.

        Raises:
            ValueError: If the vocabulary lacks one.
        """
        for name in names:
            if name not in self.names:
                raise ArgumentError("fields", f"no {name!r}; there are {', '.join(self.names)}")
        return torch.tensor([self.names.index(name) for name in names], dtype=torch.int64)

    def with_new(self, names: Sequence[str]) -> "Vocabulary":
        """A vocabulary that also has some names; those it has keep their rows."""
        return Vocabulary(tuple(dict.fromkeys((*self.names, *names))))
