"""Weights as safetensors: no pickled code, readable by any framework."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sciformer.files import write_atomically
from sciformer.strict_json import from_json
from sciformer.text import reason
from sciformer.training.checkpoints.intact import checksum

PLAIN = ".safetensors"  # how such files end
CHECKSUM = "crc32"  # of everything else in the file; one from elsewhere may lack it


def read_plain(path: str | Path) -> dict[str, Any]:
    """Read a file written by :func:`export_safetensors`.

    Args:
        path: The file.

    Returns:
        Metadata, and the weights as ``state_dict``.

    Raises:
        ValueError: If it is another kind of file, or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            names = file.keys()
            weights = {name: file.get_tensor(name) for name in names}
            said = file.metadata() or {}
        expected = said.pop(CHECKSUM, None)
        if expected is not None and checksum(weights, said) != expected:
            raise ValueError("damaged, as its checksum differs")
        notes = {key: from_json(text) for key, text in said.items()}
    except (SafetensorError, ValueError, OSError, RuntimeError) as error:
        raise ValueError(f"{path}: not a safetensors file of ours: {reason(error)}") from error
    return {**notes, "state_dict": weights}


def export_safetensors(
    state: Mapping[str, Tensor], path: str | Path, metadata: Mapping[str, Any]
) -> None:
    """Write weights and metadata atomically.

    Args:
        state: State dict.
        path: Output file.
        metadata: Metadata, for example hyperparameters; stored as JSON.
    """
    own = torch.contiguous_format  # safetensors refuses tensors that share memory, as tied ones do
    tensors = {name: t.detach().cpu().clone(memory_format=own) for name, t in state.items()}
    try:
        notes = {name: json.dumps(value) for name, value in metadata.items()}
        notes[CHECKSUM] = checksum(tensors, notes)
        write_atomically(path, lambda beside: save_file(tensors, beside, notes))
    except (SafetensorError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: cannot be written: {error}") from error
