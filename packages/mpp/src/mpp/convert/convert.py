"""Convert original MPP weights to our format, and load the result.

The original is https://github.com/PolymathicAI/multiple_physics_pretraining.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mpp.convert.state_dict import convert_state
from mpp.nn.field_vocabulary import PUBLISHED
from mpp.nn.model import AViT
from sciformer.training.checkpoints import original_weights
from sciformer.training.checkpoints.distrust import fitted
from sciformer.training.checkpoints.original_weights import Converted, Original

HISTORY = 16  # frames that the published networks were trained with


def from_reference(state: Mapping[str, Tensor], heads: int | None = None) -> AViT:
    """Build the original network from its state dict, in eval mode.

    Args:
        state: Original state dict; prefixes of DDP and torch.compile are removed.
        heads: Number of attention heads; inferred from the weights unless given.

    Returns:
        A network with the same output as the original, including ``legacy`` distances.

    Raises:
        ValueError: Naming key and shape of missing, mismatched or unknown weights.
    """
    return build(convert_state(state, heads))


def build(converted: Converted) -> AViT:
    """Build the network of converted weights, in eval mode."""
    return fitted(lambda: AViT(**converted.settings), converted.weights)


def convert(original: str, out: str, overwrite: bool = False) -> list[str]:
    """Convert weights of the original MPP to our format.

    Args:
        original: A .tar or .pt file with a checkpoint or state dict, or a .safetensors file.
        out: Output .safetensors file; ``load`` reads it.
        overwrite: Replace an existing file.

    Returns:
        Names of the parameters that were dropped because the original never uses them.

    Raises:
        ValueError: If the original cannot be read or is not an MPP checkpoint, or ``out`` has a
            wrong suffix.
    """
    converted = original_weights.convert_file(ORIGINAL, original, out, overwrite)
    unused = ", ".join(converted.dropped) or "nothing"
    rows = converted.settings["fields"]
    print(f"{out}: {rows} fields. Dropped, as never used: {unused}")  # noqa: T201  # the verb
    return converted.dropped


def load(path: str | Path) -> AViT:
    """Load a .safetensors file of ``convert``, in eval mode; ``ValueError`` if it is none."""
    return original_weights.load_converted(ORIGINAL.project, path, build)


def _translated(
    state: dict[str, Tensor], content: Mapping[str, Any], path: Path
) -> tuple[Converted, dict[str, Any]]:
    converted = convert_state(state)
    rows = converted.settings["fields"]
    named = rows == len(PUBLISHED)
    return converted, {"fields": list(PUBLISHED) if named else [f"row_{i}" for i in range(rows)]}


def _arguments(
    settings: dict[str, Any], record: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of ``PhysicsModule`` and ``PhysicsData``."""
    if "fields" not in record:
        raise ValueError("lacks its 'fields'")
    network = {name: value for name, value in settings.items() if name != "fields"}
    return {"fields": record["fields"], "network": network}, {"history": HISTORY}


ORIGINAL = Original("mpp.module.PhysicsModule", _translated, _arguments)
