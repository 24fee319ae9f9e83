"""Convert original xVal weights to our format, and load the result."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from sciformer.training.checkpoints.distrust import fitted
from sciformer.training.checkpoints.original_weights import (
    Converted,
    Original,
    convert_file,
    load_converted,
)
from xval.convert.state_dict import convert_state
from xval.convert.tokenizer import beside, read_words
from xval.encodings.encoding import ORIGINAL as ENCODING
from xval.nn.model import XVal

HEADS = 6  # of the original code
AS_THEY_ARE = {"kind": "linear", "unit": 1.0, "offset": 0.0, "scale": 1.0}  # numbers of all fields


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


def convert(
    original: str,
    out: str,
    heads: int = HEADS,
    tokenizer: str | None = None,
    overwrite: bool = False,
) -> None:
    """Convert weights of the original xVal to our format.

    Args:
        original: A .pt or .tar file with a checkpoint or state dict, or a .safetensors file.
        out: Output .safetensors file; ``load`` reads it, and with a tokenizer every verb.
        heads: Number of attention heads, which the weights do not determine; 6 in the original
            code.
        tokenizer: The original's tokenizer (JSON of Hugging Face's tokenizers), which has the words
            of the vocabulary; by default the only ``*tokenizer*.json`` beside the weights.
        overwrite: Replace an existing file.

    Raises:
        ValueError: If the original cannot be read or is not an xVal checkpoint, or ``out`` has a
            wrong suffix.
    """
    convert_file(ORIGINAL, original, out, overwrite, heads=heads, tokenizer=tokenizer)


def load(path: str | Path) -> XVal:
    """Load a .safetensors file of ``convert``, in eval mode; ``ValueError`` if it is none."""
    return load_converted(ORIGINAL.project, path, build)


def _translated(
    state: dict[str, Tensor],
    content: Mapping[str, Any],
    path: Path,
    heads: int | None = None,
    tokenizer: str | None = None,
) -> tuple[Converted, dict[str, Any]]:
    """Convert; with a tokenizer, the rows of the tokens are in our order."""
    if heads is None:
        line = f"{path}: heads {HEADS}: as in the original code, for the file does not say"
        warnings.warn(f"{line}; xval convert takes others", stacklevel=2)
    converted = convert_state(state, heads or HEADS)
    found = beside(path) if tokenizer is None else Path(tokenizer)
    if found is None:
        return converted, {}
    rows, words = read_words(found, converted.settings["vocab"])
    for name in ("embedding.tokens.weight", "token_head.2.weight"):
        converted.weights[name] = converted.weights[name][rows]
    return converted, {"words": words}


def _arguments(
    settings: dict[str, Any], record: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of ``XValModule`` and ``TextData``."""
    words = record.get("words")
    if words is None:
        raise ValueError("no *tokenizer*.json of the original is beside it; or see xval convert -h")
    length = settings["length"]
    network = {name: value for name, value in settings.items() if name not in ("vocab", "length")}
    model = {"encoding": {"name": ENCODING, "words": words}, "length": length, "network": network}
    data = {"encoding": ENCODING, "words": words, "fields": [""], "context": length}
    return {**model, "transforms": {"": AS_THEY_ARE}}, data


ORIGINAL = Original("xval.module.XValModule", _translated, _arguments)
