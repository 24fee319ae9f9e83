"""Communication between ranks on CPU: maximum, norm, gather; detection of a lost rank."""

import re
from typing import Any

import torch
from torch import distributed

LOST = re.compile(r"(closed|reset) by peer|broken pipe|remote worker|timed? ?out", re.IGNORECASE)


class Agreement:
    """Reductions over all ranks on the CPU, without synchronizing with a GPU.

    Every rank must construct one, at the same point of a run.
    """

    def __init__(self) -> None:
        self.alone = not (distributed.is_available() and distributed.is_initialized())
        elsewhere = not self.alone and distributed.get_backend() != "gloo"
        self.group: Any = distributed.new_group(backend="gloo") if elsewhere else None

    def largest(self, number: int) -> int:
        """Max-reduce an integer over the ranks."""
        if self.alone:
            return number
        word = torch.tensor(number)
        distributed.all_reduce(word, distributed.ReduceOp.MAX, self.group)
        return int(word)

    def norm(self, part: float) -> float:
        """Euclidean norm of a sharded vector from the norms of its shards."""
        if self.alone:
            return part
        word = torch.tensor(part, dtype=torch.float64).square()
        distributed.all_reduce(word, group=self.group)
        return word.sqrt().item()

    def gathered(self, value: Any) -> list[Any] | None:
        """Gather the values of all ranks on rank 0; None on all others."""
        if self.alone:
            return [value]
        first = distributed.get_rank() == 0
        found = [None] * distributed.get_world_size() if first else None
        distributed.gather_object(value, found, group=self.group)
        return found


def lost_rank(error: RuntimeError) -> bool:
    """Whether an error means that another rank has died or hangs."""
    if isinstance(error, distributed.DistError):
        return True
    return "gloo" in str(error) and bool(LOST.search(str(error)))
