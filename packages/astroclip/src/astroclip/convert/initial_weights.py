"""Initialize parts of a network from other trainings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from astroclip.convert.convert import ORIGINAL
from sciformer.arguments import ArgumentError, inside
from sciformer.training.checkpoints import checkpoint

PARTS = {"align": "", "spectrum": "spectrum.", "image": "image.tokens."}  # by objective


def begin(model: nn.Module, paths: Sequence[str | Path]) -> None:
    """Load parts of a network from checkpoints, each the part that it trained.

    Args:
        model: Network with parts of the same sizes.
        paths: Checkpoints, run folders or weights of the original; later ones take precedence.

    Raises:
        ValueError: If one is not a checkpoint of ours, or its part has another size.
    """
    own = model.state_dict()
    for index, path in enumerate(paths):
        found, saved = _read(index, path)
        prefix = ORIGINAL.prefix + PARTS.get(saved["hyper_parameters"].get("objective"), "none")
        learned = {
            name.removeprefix(ORIGINAL.prefix): tensor
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


def original_parts(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Arguments of the original's networks in some files, by part; empty if there are none."""
    found: dict[str, Any] = {}
    for index, path in enumerate(paths):
        network = _read(index, path)[1]["hyper_parameters"].get("network")
        found |= (network.get("original") if isinstance(network, dict) else None) or {}
    return found


def _read(index: int, path: str | Path) -> tuple[Path, dict[str, Any]]:
    with inside(f"start[{index}]", path):
        found = checkpoint.find(path)
        return found, checkpoint.read(found, ORIGINAL)
