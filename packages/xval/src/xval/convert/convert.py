"""The original's weights as ours: files and networks."""

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
    """The original's network from its state dict, in eval mode.

    Args:
        state: Names and tensors; prefixes of DDP and torch.compile may be there.
        heads: Attention heads, which no weight shows.

    Returns:
        A network that answers as the original does.

    Raises:
        ValueError: Naming key and shape of what is missing, wrong or not known.
    """
    return build(convert_state(state, heads))


def build(converted: Converted) -> XVal:
    """The network of converted weights, in eval mode."""
    return fitted(lambda: XVal(**converted.settings), converted.weights)


def convert(original: str, out: str, heads: int = 6, overwrite: bool = False) -> None:
    """Write weights of the paper's own code in our format.

    Args:
        original: A .pt or .tar file, a checkpoint or a bare state dict, or a .safetensors file.
        out: The .safetensors file to write; ``load`` reads it.
        heads: Attention heads, which no weight shows; the paper's code has 6.
        overwrite: Replace a file that is there.

    Raises:
        ValueError: If the original cannot be read or is none, or ``out`` has another ending.
    """
    converted = translate_file(original, out, lambda s: convert_state(s, heads), overwrite)
    write_converted(STAMP, out, converted)


def load(path: str | Path) -> XVal:
    """The network that ``convert`` wrote, in eval mode.

    Args:
        path: Of the .safetensors file.

    Returns:
        The network.

    Raises:
        ValueError: If the file is missing, damaged, or not what ``convert`` writes.
    """
    return load_converted(STAMP, path, build)
