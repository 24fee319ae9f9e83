"""Convert original xVal weights to our format, and load the result."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from sciformer.training.checkpoints.distrust import fitted
from sciformer.training.checkpoints.original_weights import (
    Converted,
    load_converted,
    translate_file,
    write_converted,
)
from xval.convert.state_dict import convert_state
from xval.nn.model import XVal

STAMP = "xval"  # the key under which our own record lies in a file


def from_reference(state: Mapping[str, Tensor], heads: int) -> XVal:
    """Build the original network from its state dict, in eval mode.

    Args:
        state: Original state dict; prefixes of DDP and torch.compile are removed.
        heads: Number of attention heads, which the weights do not determine.

    Returns:
        A network with the same output as the original.

    Raises:
        ValueError: Naming key and shape of missing, mismatched or unknown weights.
    """
    return build(convert_state(state, heads))


def build(converted: Converted) -> XVal:
    """Build the network of converted weights, in eval mode."""
    return fitted(lambda: XVal(**converted.settings), converted.weights)


def convert(original: str, out: str, heads: int = 6, overwrite: bool = False) -> None:
    """Convert weights of the original xVal to our format.

    Args:
        original: A .pt or .tar file with a checkpoint or state dict, or a .safetensors file.
        out: Output .safetensors file; ``load`` reads it.
        heads: Number of attention heads, which the weights do not determine; 6 in the original
            code.
        overwrite: Replace an existing file.

    Raises:
        ValueError: If the original cannot be read or is not an xVal checkpoint, or ``out`` has a
            wrong suffix.
    """
    converted = translate_file(original, out, lambda s: convert_state(s, heads), overwrite)
    write_converted(STAMP, out, converted)


def load(path: str | Path) -> XVal:
    """Load a .safetensors file of ``convert``, in eval mode; ``ValueError`` if it is none."""
    return load_converted(STAMP, path, build)
