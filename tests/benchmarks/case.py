"""What a benchmark case is: something to set up, and then to call again and again."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from sciformer import arguments

Call = Callable[[], object]
# forward: without gradients; recorded: forward while autograd records; training: and backward;
# run: what has no gradient.
Pass = Literal["forward", "recorded", "training", "run"]


class Case(NamedTuple):
    """One thing that is measured, in each of its passes: CPU time and peak memory.

    Args:
        make: Pass -> what is called again and again; the same on every call of ``make``.
        passes: In which its time is measured.
        memory: In which its peak memory is.
    """

    make: Callable[[Pass], Call]
    passes: tuple[Pass, ...] = ("run",)
    memory: tuple[Pass, ...] = ("run",)


def built(kind: Callable[..., Any], **settings: Any) -> Any:
    """An object of plain settings, on any revision: older ones have no tables of arguments."""
    group = getattr(arguments, "with_tables", lambda _, flat: flat)
    return kind(**group(kind, settings))


def differentiable(
    build: Callable[[], tuple[Callable[[], Tensor], list[Tensor]]], recorded: bool = False
) -> Case:
    """Time a function forward, and forward and backward.

    Args:
        build: Returns the function and the tensors that it is differentiated by.
        recorded: Time also the forward of a training alone: where it takes another path, or else
            a slower one would be diluted by the backward.

    Returns:
        The case; its random numbers are those of seed 0.
    """

    def make(kind: Pass) -> Call:
        torch.manual_seed(0)
        function, leaves = build()
        for leaf in leaves:
            leaf.requires_grad_()

        def call() -> None:
            with torch.set_grad_enabled(kind != "forward"):
                out = function()
            if kind == "training":
                torch.autograd.grad(out, leaves, torch.ones_like(out), allow_unused=True)

        return call

    passes = ("forward", "recorded", "training") if recorded else ("forward", "training")
    return Case(make, passes, ("forward", "training"))


def module(build: Callable[[], tuple[torch.nn.Module, tuple[Tensor, ...]]]) -> Case:
    """Time a network; its parameters and inputs of floats are what it is differentiated by."""

    def built() -> tuple[Callable[[], Tensor], list[Tensor]]:
        network, inputs = build()
        leaves = [*network.parameters(), *(x for x in inputs if x.is_floating_point())]
        return (lambda: network(*inputs)), leaves

    return differentiable(built)


def training_step(network: Any, loss: Callable[..., Tensor]) -> Callable[..., object]:
    """Loss of what it is called with, backward, clipping and update of a LightningModule."""
    (optimizer,), _ = network.configure_optimizers()

    def call(*given: Any) -> None:
        optimizer.zero_grad()
        loss(*given).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    return call
