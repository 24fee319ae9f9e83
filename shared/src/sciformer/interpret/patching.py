"""Activation patching, ablation and steering: hooks that change an activation."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sciformer.interpret.hooks import Hook, run_with_cache, run_with_hooks


def put(other: Tensor, where: Bool[Tensor, "*#shape"] | None = None) -> Hook:
    """Hook that puts another run's activation in its place.

    Args:
        other: Activation of the other run.
        where: True where to put it; broadcasts to the activation. Everywhere by default.

    Returns:
        The hook.
    """
    return lambda x, _: other if where is None else torch.where(where, other, x)


def ablate(where: Bool[Tensor, "*#shape"] | None = None, mean: bool = True) -> Hook:
    """Hook that removes what an activation says of a sample.

    Args:
        where: True where to remove it; broadcasts to the activation. Everywhere by default.
        mean: Leave the mean over samples (mean ablation), else 0.

    Returns:
        The hook.
    """

    def remove(x: Tensor, _: Any) -> Tensor:
        rest = x.mean(0, keepdim=True) if mean else torch.zeros_like(x[:1])
        return rest.expand_as(x) if where is None else torch.where(where, rest, x)

    return remove


def hide(where: Bool[Tensor, "*#shape"]) -> Hook:
    """Hook of the site ``scores`` that hides keys: others get their attention.

    Args:
        where: True where a query must not see a key; broadcasts to the scores.

    Returns:
        The hook.
    """
    return lambda scores, _: scores.masked_fill(where, -torch.inf)


def steer(direction: Float[Tensor, "*#shape"], dose: float | int = 1.0) -> Hook:
    """Hook that moves an activation along a direction, such as that of a probe.

    Args:
        direction: What is added; broadcasts to the activation.
        dose: Factor of it.

    Returns:
        The hook.
    """
    return lambda x, _: x + dose * direction.to(x.dtype)


def patch_each(
    model: nn.Module,
    clean: Sequence[Any],
    other: Sequence[Any],
    names: Sequence[str],
    where: Bool[Tensor, "*#shape"] | None = None,
) -> dict[str, Any]:
    """Activation patching: run a network with another input's activation, one site at a time.

    Args:
        model: Network.
        clean: Its arguments.
        other: Arguments of the run whose activations are put in.
        names: Sites, see ``sciformer.interpret.hooks``.
        where: True where to put them; broadcasts to each activation. Everywhere by default.

    Returns:
        Site -> output of the patched run.

    Raises:
        ValueError: If a name is no site of the network.
    """
    _, cache = run_with_cache(model, *other, names_filter=names)
    return {
        name: run_with_hooks(model, *clean, fwd_hooks=[(name, put(cache[name], where))])
        for name in names
    }
