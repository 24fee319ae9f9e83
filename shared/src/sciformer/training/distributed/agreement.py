"""Communication between ranks on CPU: maximum, norm, gather; detection of a lost rank."""

import re
from typing import Any

import torch
from torch import distributed

LOST = re.compile(r"(closed|reset) by peer|broken pipe|remote worker|timed? ?out", re.IGNORECASE)


class Agreement:
    """A word of every rank to all others, on the CPU: no accelerator has to wait for it.

    Every rank makes one, at the same point of a run.
    """

    def __init__(self) -> None:
        self.alone = not (distributed.is_available() and distributed.is_initialized())
        elsewhere = not self.alone and distributed.get_backend() != "gloo"
        self.group: Any = distributed.new_group(backend="gloo") if elsewhere else None

    def largest(self, number: int) -> int:
        """The largest of the numbers that the ranks give."""
        if self.alone:
            return number
        word = torch.tensor(number)
        distributed.all_reduce(word, distributed.ReduceOp.MAX, self.group)
        return int(word)

    def norm(self, part: float) -> float:
        """The Euclidean norm of what the ranks share out, each of which gives that of its part."""
        if self.alone:
            return part
        word = torch.tensor(part, dtype=torch.float64).square()
        distributed.all_reduce(word, group=self.group)
        return word.sqrt().item()

    def gathered(self, value: Any) -> list[Any] | None:
        """What every rank gives, by rank, in the first one; None in all others."""
        if self.alone:
            return [value]
        first = distributed.get_rank() == 0
        found = [None] * distributed.get_world_size() if first else None
        distributed.gather_object(value, found, group=self.group)
        return found


def lost_rank(error: RuntimeError) -> bool:
    """Tell whether an error is how another rank's death shows in this one."""
    if isinstance(error, distributed.DistError):
        return True
    return "gloo" in str(error) and bool(LOST.search(str(error)))
