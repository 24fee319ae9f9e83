"""Activation cache and hooks, called as in TransformerLens: read or replace named activations.

A site is named by its module: ``encoder.blocks.0.mlp.out``. Every module has

    .in, .out           first input and output, if they are tensors

a ``TransformerBlock`` has also

    .middle             residual stream after the attention

and a module that attends has

    .query, .key, .value        (batch heads tokens head_dim)
    .scores, .pattern           (batch heads queries keys), -inf: hidden; softmax of the scores
    .z                          weighted values (batch heads queries head_dim)

What is computed a second time in one run has ``[1]`` at its end, and so on. Attention that is not
looked at is computed as always. Networks that are compiled or sharded are not looked into.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache
from typing import Any, NamedTuple

from torch import Tensor, nn

from sciformer.nn.sites import ATTENTION, WATCHERS

KINDS = ("in", "out", "middle", *ATTENTION)


class Site(NamedTuple):
    """Where a hook is called.

    Args:
        name: Name of the activation.
    """

    name: str


Hook = Callable[[Tensor, Site], Tensor | None]
Names = str | Sequence[str] | Callable[[str], bool]


def run_with_cache(
    model: nn.Module, *args: Any, names_filter: Names | None = None, **kwargs: Any
) -> tuple[Any, dict[str, Tensor]]:
    """Run a network and keep activations.

    Args:
        model: Network.
        *args: Its arguments.
        names_filter: Sites to keep: a name, names, or a function that is true of those to keep. By
            default all; attention weights then cost memory quadratic in the number of tokens.
        **kwargs: Its named arguments.

    Returns:
        Output of the network, and activations by site in the order of computation.

    Raises:
        ValueError: If a name is no site of the network.
    """
    found: dict[str, Tensor] = {}

    def keep(x: Tensor, hook: Site) -> None:
        found[hook.name] = x

    wanted = (lambda _: True) if names_filter is None else names_filter
    return run_with_hooks(model, *args, fwd_hooks=[(wanted, keep)], **kwargs), found


def run_with_hooks(
    model: nn.Module, *args: Any, fwd_hooks: Sequence[tuple[Names, Hook]], **kwargs: Any
) -> Any:
    """Run a network with hooks, which are then removed.

    Args:
        model: Network.
        *args: Its arguments.
        fwd_hooks: Names of sites, as in ``run_with_cache``, and a function for each of them: from
            activation and ``Site`` to the replacement, or None, which leaves the activation.
        **kwargs: Its named arguments.

    Returns:
        Output of the network.

    Raises:
        ValueError: If a name is no site of the network.
    """
    with hooks(model, fwd_hooks):
        return model(*args, **kwargs)


@contextmanager
def hooks(model: nn.Module, fwd_hooks: Sequence[tuple[Names, Hook]]) -> Iterator[nn.Module]:
    """Hooks inside a ``with``, around any use of a network.

    Args:
        model: Network.
        fwd_hooks: As in ``run_with_hooks``.

    Yields:
        The network.

    Raises:
        ValueError: If a name is no site of the network.
    """
    watch = _Watch(model, fwd_hooks)
    handles = [
        handle
        for module in watch.names
        for handle in (
            module.register_forward_pre_hook(watch.enter),
            module.register_forward_hook(watch.leave),
        )
    ]
    WATCHERS.append(watch)
    try:
        yield model
    finally:
        WATCHERS.remove(watch)
        for handle in handles:
            handle.remove()


class _Watch:
    """Hooks, and which module is running."""

    def __init__(self, model: nn.Module, fwd_hooks: Sequence[tuple[Names, Hook]]) -> None:
        self.names = {module: name for name, module in model.named_modules()}
        self.kinds = {_joined(name, kind) for name in self.names.values() for kind in KINDS}
        self.hooks = [(self._matching(names, first=False), hook) for names, hook in fwd_hooks]
        self.firsts = [self._matching(names, first=True) for names, _ in fwd_hooks]
        self.running: list[str] = []
        self.times: Counter[str] = Counter()
        self.wanted = cache(self._wanted)

    def _matching(self, names: Names, first: bool) -> Callable[[str], bool]:
        """Whether a site is meant, or with ``first`` that of its first time."""
        if callable(names):
            return names
        wanted = [names] if isinstance(names, str) else names
        firsts = [name.partition("[")[0] for name in wanted]
        for name, kind in zip(wanted, firsts, strict=True):
            if kind not in self.kinds:
                near = get_close_matches(name, sorted(self.kinds), cutoff=0.0)
                raise ValueError(f"site {name!r} is none of {', '.join(near)}, ...")
        return frozenset(firsts if first else wanted).__contains__

    def enter(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        name = self.names[module]
        if not self.running:
            self.times.clear()
        self.running.append(name)
        if not args or not isinstance(args[0], Tensor):
            return None
        return self.at("in", args[0]), *args[1:]

    def leave(self, module: nn.Module, args: tuple[Any, ...], out: Any) -> Any:
        out = self.at("out", out) if isinstance(out, Tensor) else out
        self.running.pop()
        return out

    def at(self, name: str, x: Tensor) -> Tensor:
        full = _joined(self.running[-1] if self.running else "", name)
        times = self.times[full]
        self.times[full] += 1
        where = Site(f"{full}[{times}]" if times else full)
        for matching, hook in self.hooks:
            if matching(where.name):
                new = hook(x, where)
                x = x if new is None else new
        return x

    def wants(self) -> bool:
        return self.wanted(self.running[-1] if self.running else "")

    def _wanted(self, inside: str) -> bool:
        start = _joined(inside, "")
        own = (start + "in", start + "out")
        below = [name for name in self.kinds if name.startswith(start) and name not in own]
        return any(matching(name) for matching in self.firsts for name in below)


def _joined(module: str, name: str) -> str:
    return f"{module}.{name}" if module else name
