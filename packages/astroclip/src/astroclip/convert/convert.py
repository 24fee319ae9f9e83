"""Convert original AstroCLIP weights to our format, and load the result."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from astroclip.convert.original_model import OriginalAstroCLIP, SpectrumBranch, parts_of
from astroclip.convert.original_networks import SpecFormer, VisionTransformer
from astroclip.convert.pickled_modules import heads_of, shells
from astroclip.convert.pooling_head import PoolingHead
from astroclip.convert.state_dict import (
    Source,
    convert_state,
    head_part,
    joined,
    spectrum_part,
)
from sciformer.training.checkpoints.distrust import check_tensors, compare, without_memory
from sciformer.training.checkpoints.original_weights import (
    Converted,
    Original,
    convert_file,
    load_converted,
)

SIZE = 144  # pixels along a side of the original's images
HEADS = {"heads": 6, "image_heads": 16, "pooling_heads": 4}  # of the original code


def spectrum_from_reference(state: Mapping[str, Tensor], heads: int = 6) -> SpecFormer:
    """Build the original SpecFormer alone; arguments and errors as for :func:`convert_state`."""
    source = Source(state)
    return _networks(joined(source, {"spectrum": spectrum_part(source, "", heads)}))["spectrum"]


def heads_from_reference(
    state: Mapping[str, Tensor], heads: int = 6, pooling_heads: int = 4
) -> tuple[PoolingHead, SpectrumBranch]:
    """Build the original pooling head of images and the spectrum branch, in eval mode.

    Args:
        state: Original state dict, complete or without the image encoder, which is ignored.
        heads: Attention heads of SpecFormer, which the weights do not determine.
        pooling_heads: Attention heads of both pooling heads.

    Returns:
        Pooling head of images (tokens to embedding), and spectrum branch (flux to embedding).

    Raises:
        ValueError: Naming key and shape of missing, mismatched or unknown weights.
    """
    source = Source(state)
    source.drop_all("image_encoder.backbone.", "logit_scale")
    parts = {
        "image_head": head_part(source, "image_encoder.", pooling_heads, residual=False),
        "spectrum": spectrum_part(source, "spectrum_encoder.backbone.", heads),
        "spectrum_head": head_part(source, "spectrum_encoder.", pooling_heads, residual=True),
    }
    made = _networks(joined(source, parts))
    return made["image_head"], SpectrumBranch(made["spectrum"], made["spectrum_head"]).eval()


def convert(
    original: str,
    out: str,
    heads: int | None = None,
    image_heads: int | None = None,
    pooling_heads: int | None = None,
    overwrite: bool = False,
) -> None:
    """Convert weights of the original AstroCLIP to our format.

    Numbers of attention heads are by default those of the networks that the file holds, or else
    those of the original code; the weights do not determine them.

    Args:
        original: Original astroclip.ckpt, specformer.ckpt or astrodino.ckpt, or its state dict in a
            .pt or .safetensors file.
        out: Output .safetensors file; ``load`` and every verb that takes a checkpoint read it.
        heads: Attention heads of SpecFormer; 6 in the original code.
        image_heads: Attention heads of the vision transformer; 16 in the original code.
        pooling_heads: Attention heads of both pooling heads; 4 in the original code.
        overwrite: Replace an existing file.

    Raises:
        ValueError: If the original cannot be read or is not an AstroCLIP checkpoint, or ``out`` has
            a wrong suffix.
    """
    given = {"heads": heads, "image_heads": image_heads, "pooling_heads": pooling_heads}
    said = {name: count for name, count in given.items() if count is not None}
    convert_file(ORIGINAL, original, out, overwrite, **said)


def load(path: str | Path) -> OriginalAstroCLIP | SpecFormer | VisionTransformer:
    """Load a .safetensors file of ``convert``, in eval mode; raises ``ValueError`` for another."""
    return load_converted(ORIGINAL.project, path, _built)


def _built(converted: Converted) -> OriginalAstroCLIP | SpecFormer | VisionTransformer:
    networks = _networks(converted)
    return OriginalAstroCLIP(**networks).eval() if len(networks) > 1 else networks.popitem()[1]


def _networks(converted: Converted) -> dict[str, Any]:
    """Networks by part, with converted weights, in eval mode."""
    with without_memory(len(converted.weights)):  # nor time for initial values
        parts = parts_of(converted.settings)
    whole = nn.ModuleDict(parts)
    check_tensors(converted.weights, "weights")
    compare(converted.weights, whole)
    whole = whole.to_empty(device="cpu")
    whole.load_state_dict(converted.weights)
    return dict(whole.eval().items())


def _translated(
    state: dict[str, Tensor], content: Mapping[str, Any], path: Path, **given: int
) -> tuple[Converted, dict[str, Any]]:
    """Convert; warn of numbers of heads that neither the file nor the user says."""
    said = heads_of(content) | given
    converted = convert_state(state, **HEADS | said)
    of = {"spectrum": "heads", "image": "image_heads", "image_head": "pooling_heads"}
    unsaid = {of[part]: HEADS[of[part]] for part in converted.settings if part in of}
    guessed = [f"{name} {count}" for name, count in unsaid.items() if name not in said]
    if guessed:
        line = f"{path}: {', '.join(guessed)}: as in the original code, for the file does not say"
        warnings.warn(f"{line}; astroclip convert takes others", stacklevel=2)
    return converted, {}


def _arguments(
    settings: dict[str, Any], record: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of ``AstroCLIPModule`` and ``GalaxyData``."""
    size = settings.get("image", {}).get("size", SIZE)
    model = {"objective": "align", "size": size, "network": {"original": settings}}
    return model, {"size": size, "grid": "survey"}


ORIGINAL = Original(
    "astroclip.module.AstroCLIPModule", _translated, _arguments, "learning.model.", shells
)
