"""Convert original MPP weights to our format, and load the result.

The original is https://github.com/PolymathicAI/multiple_physics_pretraining.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mpp.convert.state_dict import convert_state
from mpp.nn.model import AViT
from sciformer.training.checkpoints import original_weights
from sciformer.training.checkpoints.distrust import fitted
from sciformer.training.checkpoints.original_weights import Converted

STAMP = "mpp"  # the key under which our own record lies in a file
# The rows of the published weights; those called unused belong to no data set.
PUBLISHED_FIELDS = (
    *("swe_height", "ins_vx", "ins_vy", "ins_particles", "dr_activator", "dr_inhibitor"),
    *("cns_vx", "cns_vy", "cns_density", "cns_pressure", "unused_10", "unused_11"),
)


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
    converted = original_weights.translate_file(original, out, convert_state, overwrite)
    rows = converted.settings["fields"]
    names = PUBLISHED_FIELDS if rows == len(PUBLISHED_FIELDS) else [f"row_{i}" for i in range(rows)]
    original_weights.write_converted(STAMP, out, converted, fields=list(names))
    unused = ", ".join(converted.dropped) or "nothing"
    print(f"{out}: {len(names)} fields. Dropped, as never used: {unused}")  # noqa: T201  # the verb
    return converted.dropped


def load(path: str | Path) -> AViT:
    """Load a .safetensors file of ``convert``, in eval mode; ``ValueError`` if it is none."""
    return original_weights.load_converted(STAMP, path, build)


def read_converted(path: str | Path) -> tuple[Converted, list[str]]:
    """Read a file written by ``convert``.

    Args:
        path: Path of the .safetensors file.

    Returns:
        Settings and weights, and the names of the fields.

    Raises:
        ValueError: If the file is missing, damaged, or was not written by ``convert``.
    """
    converted, record = original_weights.read_converted(STAMP, path)
    if "fields" not in record:
        raise ValueError(f"{path}: lacks its 'fields'")
    return converted, record["fields"]
