"""Initialize parts of a network from other trainings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from sciformer.arguments import ArgumentError, inside
from sciformer.training.checkpoints import checkpoint

PREFIX = "learning.model."  # of the network's parameters in a checkpoint
PARTS = {"align": "", "spectrum": "spectrum.", "image": "image.tokens."}  # by objective


def begin(model: nn.Module, paths: Sequence[str | Path]) -> None:
    """Load parts of a network from checkpoints, each the part that it trained.

    Args:
        model: Network with parts of the same sizes.
        paths: Checkpoints or run folders; later ones take precedence.

    Raises:
        ValueError: If one is not a checkpoint of ours, or its part has another size.
    """
    own = model.state_dict()
    for index, path in enumerate(paths):
        with inside(f"start[{index}]", path):
            found = checkpoint.find(path)
            saved: dict[str, Any] = checkpoint.read(found)
        prefix = PREFIX + PARTS.get(saved["hyper_parameters"].get("objective"), "none")
        learned = {
            name.removeprefix(PREFIX): tensor
            for name, tensor in saved["state_dict"].items()
            if name.startswith(prefix)
        }
        if not learned:
            raise ArgumentError(
                f"start[{index}]", f"{found}: no checkpoint of a training of astroclip"
            )
        for name, tensor in learned.items():
            if name not in own or own[name].shape != tensor.shape:
                here = tuple(own[name].shape) if name in own else "nothing"
                reason = f"{found}: {name} is {tuple(tensor.shape)}, here {here}"
                raise ArgumentError(f"start[{index}]", reason)
        own |= learned
    model.load_state_dict(own)
