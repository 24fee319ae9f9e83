"""Map the original's state dicts to our names: https://github.com/PolymathicAI/AstroCLIP.

All sizes are inferred from the weights, except the numbers of heads.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from astroclip.convert.original_networks import MOMENTS
from sciformer.training.checkpoints import original_weights
from sciformer.training.checkpoints.original_weights import Converted

CHUNK = re.compile(r"(blocks)\.\d+\.(\d+)\.")  # of DINOv2's block_chunks; blocks count through
SELF_SUPERVISED = ("dino_head.", "ibot_head.")  # heads that only the training of DINOv2 uses


class Block(NamedTuple):
    """The original's names in a transformer block: norms, MLP, joint projection of attention."""

    norms: tuple[str, str]
    mlp: tuple[str, str]
    joint: str
    out: str


SPECFORMER = Block(
    ("layernorm1", "layernorm2"),
    ("mlp.encoder", "mlp.decoder"),
    "attention.attention",
    "attention.projection",
)
DINOV2 = Block(("norm1", "norm2"), ("mlp.fc1", "mlp.fc2"), "attn.qkv", "attn.proj")
Weights = dict[str, Tensor]
Part = tuple[dict[str, Any], Weights]


class Source(original_weights.Source):
    """An original state dict from which weights are taken one by one.

    Args:
        state: Original state dict.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__(state)
        self.left = {CHUNK.sub(r"\1.\2.", name): value for name, value in self.left.items()}


def convert_state(
    state: Mapping[str, Any], heads: int = 6, image_heads: int = 16, pooling_heads: int = 4
) -> Converted:
    """Convert any of the original's checkpoints.

    Args:
        state: State dict of ``astroclip.ckpt``, ``specformer.ckpt`` or ``astrodino.ckpt``.
        heads: Attention heads of SpecFormer, which the weights do not determine.
        image_heads: Attention heads of the vision transformer.
        pooling_heads: Attention heads of both pooling heads.

    Returns:
        Our settings and weights, and the names of dropped weights.

    Raises:
        ValueError: Naming key and shape of missing, mismatched or unknown weights.
    """
    teacher = state.get("teacher")
    source = Source(teacher if isinstance(teacher, Mapping) else state)
    if any(name.startswith(("image_encoder.", "spectrum_encoder.")) for name in source.left):
        spectrum, image = "spectrum_encoder.", "image_encoder."
        parts = {
            "spectrum": spectrum_part(source, f"{spectrum}backbone.", heads),
            "image": image_part(source, f"{image}backbone.", image_heads, legacy=True),
            "spectrum_head": head_part(source, spectrum, pooling_heads, residual=True),
            "image_head": head_part(source, image, pooling_heads, residual=False),
        }
        source.drop_all("logit_scale")  # the loss never uses it
    elif "data_embed.weight" in source.left:
        parts = {"spectrum": spectrum_part(source, "", heads)}
    else:
        at = "backbone." if any(name.startswith("backbone.") for name in source.left) else ""
        parts = {"image": image_part(source, at, image_heads, legacy=False)}
        source.drop_all(*SELF_SUPERVISED)
    return joined(source, parts)


def joined(source: Source, parts: Mapping[str, Part]) -> Converted:
    """Combine converted parts; all weights of the source must have been used."""
    source.check_empty()
    weights = {
        f"{part}.{name}": value for part, found in parts.items() for name, value in found[1].items()
    }
    return Converted({part: found[0] for part, found in parts.items()}, weights, source.dropped)


def spectrum_part(source: Source, at: str, heads: int) -> Part:
    """Convert SpecFormer.

    Args:
        source: Original state dict; its weights are removed from it.
        at: Prefix of its names.
        heads: Attention heads.

    Returns:
        Our arguments and state dict.

    Raises:
        ValueError: Naming key and shape of missing or mismatched weights.
    """
    dim, features = source.sizes(f"{at}data_embed.weight", 2)
    if features <= MOMENTS:
        raise ValueError(f"{at}data_embed.weight of shape {dim, features} leaves no pixels")
    length = source.sizes(f"{at}position_embed.weight", 2)[0]
    hidden = source.sizes(f"{at}blocks.0.mlp.encoder.weight", 2)[0]
    depth = source.count(f"{at}blocks")
    check_heads(heads, dim, f"{at}data_embed.weight")
    weights = {"positions.weight": source.take(f"{at}position_embed.weight", length, dim)}
    weights |= _linear(source, f"{at}data_embed", "embed", dim, features)
    weights |= _linear(source, f"{at}final_layernorm", "encoder.norm", dim)
    weights |= _linear(source, f"{at}head", "head", features, dim)
    for i in range(depth):
        weights |= _block(
            source, f"{at}blocks.{i}.", SPECFORMER, f"encoder.blocks.{i}.", hidden, dim
        )
    settings = {"section": features - MOMENTS, "dim": dim, "depth": depth, "heads": heads}
    return {**settings, "length": length, "mlp_ratio": hidden / dim}, weights


def image_part(source: Source, at: str, heads: int, legacy: bool) -> Part:
    """Convert DINOv2's vision transformer.

    Args:
        source: Original state dict; its weights are removed from it.
        at: Prefix of its names.
        heads: Attention heads.
        legacy: Omit class token and position embeddings, as AstroCLIP's image branch does.

    Returns:
        Our arguments and state dict.

    Raises:
        ValueError: Naming key and shape of missing or mismatched weights.
    """
    dim, bands, patch, _ = source.sizes(f"{at}patch_embed.proj.weight", 4)
    length = source.sizes(f"{at}pos_embed", 3)[1]
    hidden = source.sizes(f"{at}blocks.0.mlp.fc1.weight", 2)[0]
    side, depth = math.isqrt(length - 1), source.count(f"{at}blocks")
    check_heads(heads, dim, f"{at}patch_embed.proj.weight")
    if bands != 3 or side**2 != length - 1:
        raise ValueError(f"{at}pos_embed: {length - 1} patches of {bands} bands, not a square of 3")
    kernel = source.take(f"{at}patch_embed.proj.weight", dim, 3, patch, patch)
    weights = {
        "embed.weight": kernel.flatten(1),
        "embed.bias": source.take(f"{at}patch_embed.proj.bias", dim),
    }
    if not legacy:
        weights["cls"] = source.take(f"{at}cls_token", 1, 1, dim)[0, 0]
        weights["positions.weight"] = source.take(f"{at}pos_embed", 1, length, dim)[0]
    source.drop_all(f"{at}cls_token", f"{at}pos_embed", f"{at}mask_token")
    weights |= _linear(source, f"{at}norm", "norm", dim)
    for i in range(depth):
        theirs, ours = f"{at}blocks.{i}.", f"blocks.{i}."
        weights |= _block(source, theirs, DINOV2, ours, hidden, dim)
        weights[f"{ours}attention_scale"] = source.take(f"{theirs}ls1.gamma", dim)
        weights[f"{ours}mlp_scale"] = source.take(f"{theirs}ls2.gamma", dim)
    settings = {"size": side * patch, "patch": patch, "dim": dim, "depth": depth, "heads": heads}
    return {**settings, "mlp_ratio": hidden / dim, "legacy": legacy}, weights


def head_part(source: Source, at: str, heads: int, residual: bool) -> Part:
    """Convert a pooling head: its cross-attention and MLP.

    The bias of the keys cancels in the softmax and is dropped.

    Args:
        source: Original state dict; its weights are removed from it.
        at: Prefix of its names.
        heads: Attention heads.
        residual: Whether the MLP has a residual connection.

    Returns:
        Our arguments and state dict.

    Raises:
        ValueError: Naming key and shape of missing or mismatched weights.
    """
    attention = f"{at}cross_attention.multihead_attn."
    dim = source.sizes(f"{at}cross_attention.query", 3)[2]
    hidden = source.sizes(f"{at}mlp.encoder.weight", 2)[0]
    check_heads(heads, dim, f"{at}cross_attention.query")
    if f"{attention}in_proj_weight" in source.left:  # torch joins them where widths are equal
        context = dim
        query, key, value = source.take(f"{attention}in_proj_weight", 3 * dim, dim).chunk(3)
    else:
        context = source.sizes(f"{attention}k_proj_weight", 2)[1]
        query = source.take(f"{attention}q_proj_weight", dim, dim)
        key = source.take(f"{attention}k_proj_weight", dim, context)
        value = source.take(f"{attention}v_proj_weight", dim, context)
    query_bias, _, value_bias = source.take(f"{attention}in_proj_bias", 3 * dim).chunk(3)
    weights = {
        "pooling.queries": source.take(f"{at}cross_attention.query", 1, 1, dim)[0],
        "pooling.query.weight": query,
        "pooling.query.bias": query_bias,
        "pooling.key.weight": key,
        "pooling.value.weight": value,
        "pooling.value.bias": value_bias,
    }
    weights |= _linear(source, f"{attention}out_proj", "pooling.out", dim, dim)
    weights |= _linear(source, f"{at}cross_attention.layernorm", "norm", dim)
    weights |= _linear(source, f"{at}mlp.encoder", "mlp.up", hidden, dim)
    weights |= _linear(source, f"{at}mlp.decoder", "mlp.down", dim, hidden)
    settings = {"dim": dim, "heads": heads, "context_dim": context, "hidden": hidden}
    return {**settings, "residual": residual}, weights


def check_heads(heads: int, dim: int, name: str) -> None:
    """Raise ``ValueError`` if the number of heads does not divide the width."""
    if heads < 1 or dim % heads:
        raise ValueError(f"heads: {heads} do not divide {dim}, the width of {name}")


def _block(source: Source, at: str, names: Block, ours: str, hidden: int, dim: int) -> Weights:
    """Norms, MLP and attention of a transformer block."""
    weights = _linear(source, f"{at}{names.norms[0]}", f"{ours}attention_norm", dim)
    weights |= _linear(source, f"{at}{names.norms[1]}", f"{ours}mlp_norm", dim)
    weights |= _linear(source, f"{at}{names.mlp[0]}", f"{ours}mlp.up", hidden, dim)
    weights |= _linear(source, f"{at}{names.mlp[1]}", f"{ours}mlp.down", dim, hidden)
    weights |= _linear(source, f"{at}{names.out}", f"{ours}attention.out", dim, dim)
    rows = source.take(f"{at}{names.joint}.weight", 3 * dim, dim).chunk(3)
    offsets = source.take(f"{at}{names.joint}.bias", 3 * dim).chunk(3)
    for name, weight, bias in zip(("query", "key", "value"), rows, offsets, strict=True):
        weights[f"{ours}attention.{name}.weight"] = weight
        weights[f"{ours}attention.{name}.bias"] = bias
    return weights


def _linear(source: Source, theirs: str, ours: str, *shape: int) -> Weights:
    """Weight and bias of a linear layer or a norm."""
    weight = source.take(f"{theirs}.weight", *shape)
    return {f"{ours}.weight": weight, f"{ours}.bias": source.take(f"{theirs}.bias", shape[0])}
