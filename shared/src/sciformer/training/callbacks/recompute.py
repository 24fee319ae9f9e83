"""Activation checkpointing: memory for time, block by block."""

from functools import partial
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn
from torch.utils.checkpoint import checkpoint

from sciformer.nn.block import Block


class Recompute(Callback):
    """Keep only what enters each ``Block`` and compute the rest again in the backward.

    A block then keeps one tensor of (batch, time, dim) instead of some twenty, for a third more
    computation. Gradients stay the same. Under any strategy.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        recompute(pl_module)


def recompute(network: nn.Module) -> None:
    """Let every ``Block`` of a network compute its activations again where needed.

    Args:
        network: Changed in place; the names of its parameters stay.
    """
    for block in network.modules():
        if isinstance(block, Block) and not isinstance(block.forward, partial):
            forward: Any = partial(checkpoint, block.forward, use_reentrant=False)
            block.forward = forward
