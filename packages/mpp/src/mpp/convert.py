"""The paper's own weights as ours: files and networks.

The original is https://github.com/PolymathicAI/multiple_physics_pretraining.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mpp.model import AViT
from mpp.reference import Converted, convert_state
from sciformer.training.plain import PLAIN, export_safetensors, read_plain

STAMP = "mpp"  # the key under which our own record lies in a file
FORMAT = 1
# The rows of the published weights; those called unused belong to no data set.
PUBLISHED_FIELDS = (
    *("swe_height", "ins_vx", "ins_vy", "ins_particles", "dr_activator", "dr_inhibitor"),
    *("cns_vx", "cns_vy", "cns_density", "cns_pressure", "unused_10", "unused_11"),
)


def from_reference(state: Mapping[str, Tensor], heads: int | None = None) -> AViT:
    """The original's network from its state dict, in eval mode.

    Args:
        state: Names and tensors; prefixes of DDP and torch.compile may be there.
        heads: Attention heads; known from the weights unless given.

    Returns:
        A network that answers as the original does, ``legacy`` distances included.

    Raises:
        ValueError: Naming key and shape of what is missing, wrong or not known.
    """
    return build(convert_state(state, heads))


def build(converted: Converted) -> AViT:
    """The network of converted weights, in eval mode."""
    model = AViT(**converted.settings)
    model.load_state_dict(converted.weights)
    return model.eval()


def convert(original: str, out: str) -> list[str]:
    """Write the paper's own weights in our format.

    Args:
        original: Its .tar or .pt file, a checkpoint or a bare state dict, or a .safetensors file.
        out: The .safetensors file to write; ``load`` reads it.

    Returns:
        Names of the parameters that were dropped, as the original never uses them.

    Raises:
        ValueError: If the original cannot be read or is none, or ``out`` has another ending.
    """
    if Path(out).suffix != PLAIN:
        raise ValueError(f"out: {out} does not end in {PLAIN}")
    try:
        converted = convert_state(read_original(original))
    except ValueError as error:
        reason = str(error)
        raise ValueError(reason if original in reason else f"{original}: {reason}") from error
    rows = converted.settings["fields"]
    names = PUBLISHED_FIELDS if rows == len(PUBLISHED_FIELDS) else [f"row_{i}" for i in range(rows)]
    record = {
        "format": FORMAT,
        "settings": converted.settings,
        "fields": list(names),
        "dropped": converted.dropped,
    }
    export_safetensors(converted.weights, out, {STAMP: record})
    return converted.dropped


def load(path: str | Path) -> AViT:
    """The network that ``convert`` wrote, in eval mode.

    Args:
        path: Of the .safetensors file.

    Returns:
        The network.

    Raises:
        ValueError: If the file is missing, damaged, or not what ``convert`` writes.
    """
    try:
        return build(read_converted(path)[0])
    except (KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{path}: weights and settings do not fit: {error}") from error


def read_converted(path: str | Path) -> tuple[Converted, list[str]]:
    """Read what ``convert`` wrote.

    Args:
        path: Of the .safetensors file.

    Returns:
        Settings and weights, and the names of the fields.

    Raises:
        ValueError: If the file is missing, damaged, or not what ``convert`` writes.
    """
    content = _read(path)
    record = content.get(STAMP)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"{path}: not weights that mpp convert wrote in format {FORMAT}")
    try:
        dropped, fields = record["dropped"], record["fields"]
        return Converted(record["settings"], content["state_dict"], dropped), fields
    except KeyError as error:
        raise ValueError(f"{path}: lacks its {error}") from error


def read_original(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict without running anything that a file holds.

    Args:
        path: As ``convert`` takes it.

    Returns:
        Names and tensors.

    Raises:
        ValueError: If the file is missing, damaged, or holds more than plain tensors.
    """
    content: Any = _read(path)
    for key in ("state_dict", "model_state"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise ValueError(f"{path}: a {type(content).__name__} and no state dict")
    return content


def _read(path: str | Path) -> dict[str, Any]:
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file")
    if Path(path).suffix == PLAIN:
        return read_plain(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # of old pickles, which are refused
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything at all
        kind = type(error).__name__
        raise ValueError(f"{path}: no file of plain tensors, or cut short ({kind})") from error
