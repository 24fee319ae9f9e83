"""Sites: named activations inside a network, which ``sciformer.interpret`` reads or replaces.

Without a watcher a site is the activation itself, and the network's graph is the same.
"""

from typing import Protocol

import torch
from torch import Tensor

ATTENTION = ("query", "key", "value", "scores", "pattern", "z")  # of ``attend``


class Watcher(Protocol):
    """Whoever looks at the sites of a running network."""

    def at(self, name: str, x: Tensor) -> Tensor:
        """Look at a site of the module that is running; returns what takes its place."""
        ...

    def wants(self) -> bool:
        """Whether a site inside the module that is running is looked at."""
        ...


WATCHERS: list[Watcher] = []  # the last one looks


def site(name: str, x: Tensor) -> Tensor:
    """Name an activation of the module that is running.

    Args:
        name: Name within the module.
        x: The activation.

    Returns:
        The activation, or what a watcher puts in its place.
    """
    return WATCHERS[-1].at(name, x) if WATCHERS else x


def watched() -> bool:
    """Whether a site inside the module that is running is looked at: shortcuts are not taken."""
    return bool(WATCHERS) and WATCHERS[-1].wants()


def written_out(q: Tensor, k: Tensor, v: Tensor, fill: Tensor | None, scale: float) -> Tensor:
    """Attention step by step, with the sites ``query`` to ``z``; see ``attend``."""
    q, k, v = site("query", q), site("key", k), site("value", v)
    scores = q @ k.mT * scale
    scores = site("scores", scores if fill is None else scores + fill.to(scores.dtype))
    empty = scores.detach().amax(-1, keepdim=True) == -torch.inf
    pattern = torch.softmax(scores.masked_fill(empty, 0.0), -1).masked_fill(empty, 0.0)
    return site("z", site("pattern", pattern) @ v)
