"""Vocabulary of field names: each has a row in the network's stem and head."""

from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

from sciformer.arguments import ArgumentError


class Vocabulary:
    """Names of fields; the index of a name is its row in stem and head.

    Args:
        names: Names in the order of the rows; each once.

    Raises:
        ValueError: If a name is repeated.
    """

    def __init__(self, names: Sequence[str]) -> None:
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ArgumentError("fields", f"{', '.join(twice)}: there twice")
        self.names = tuple(names)

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, names: Sequence[str]) -> Int64[Tensor, " fields"]:
        """Rows of some fields; ``ValueError`` if the vocabulary lacks one."""
        for name in names:
            if name not in self.names:
                raise ArgumentError("fields", f"no {name!r}; there are {', '.join(self.names)}")
        return torch.tensor([self.names.index(name) for name in names], dtype=torch.int64)

    def with_new(self, names: Sequence[str]) -> "Vocabulary":
        """Vocabulary with further names appended; known names keep their rows."""
        return Vocabulary(tuple(dict.fromkeys((*self.names, *names))))
