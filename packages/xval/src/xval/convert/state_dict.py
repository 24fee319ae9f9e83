"""Map the original's state dict to our names: https://github.com/PolymathicAI/xVal."""

from collections.abc import Mapping

from torch import Tensor

from sciformer.training.checkpoints.original_weights import Converted, Source

LAYERS = "encoder_stack.layers"
PAIRS = (
    ("self_attn.out_proj", "attention.out"),
    ("linear1", "mlp.up"),
    ("linear2", "mlp.down"),
    ("norm1", "attention_norm"),
    ("norm2", "mlp_norm"),
)


def convert_state(state: Mapping[str, Tensor], heads: int) -> Converted:
    """Convert a state dict; all sizes are inferred from the weights, except the number of heads.

    Args:
        state: Original state dict.
        heads: Number of attention heads, which the weights do not determine.

    Returns:
        Our settings and weights.

    Raises:
        ValueError: Naming key and shape of missing, mismatched or unknown weights.
    """
    source = Source(state)
    vocab, dim = source.sizes("token_embed.weight", 2)
    length = source.sizes("position_embed.weight", 2)[0]
    depth = source.count(LAYERS)
    hidden = source.sizes("lm_head.0.weight", 2)[0]
    if heads < 1 or dim % heads:
        raise ValueError(f"heads={heads} does not divide {dim}, the width of token_embed.weight")
    weights = {
        "embedding.tokens.weight": source.take("token_embed.weight", vocab, dim),
        "embedding.positions.weight": source.take("position_embed.weight", length, dim),
        "token_head.0.weight": source.take("lm_head.0.weight", hidden, dim),
        "token_head.2.weight": source.take("lm_head.2.weight", vocab, hidden),
    }
    weights |= _linear(source, "num_head.0", "number_head.0", hidden, dim)
    weights |= _linear(source, "num_head.2", "number_head.2", 1, hidden)
    for i in range(depth):
        weights |= _block(source, f"{LAYERS}.{i}", f"encoder.blocks.{i}", dim, hidden)
    source.check_empty()
    settings = {
        "vocab": vocab,
        "dim": dim,
        "depth": depth,
        "heads": heads,
        "mlp_ratio": hidden / dim,
        "length": length,
        "final_norm": False,
    }
    return Converted(settings, weights, source.dropped)


def _block(source: Source, theirs: str, ours: str, dim: int, hidden: int) -> dict[str, Tensor]:
    shapes = {"linear1": (hidden, dim), "linear2": (dim, hidden), "self_attn.out_proj": (dim, dim)}
    weights = {}
    for name, name_ours in PAIRS:
        shape = shapes.get(name, (dim,))
        weights |= _linear(source, f"{theirs}.{name}", f"{ours}.{name_ours}", *shape)
    rows = source.take(f"{theirs}.self_attn.in_proj_weight", 3 * dim, dim).chunk(3)
    offsets = source.take(f"{theirs}.self_attn.in_proj_bias", 3 * dim).chunk(3)
    for name, weight, bias in zip(("query", "key", "value"), rows, offsets, strict=True):
        weights |= {f"{ours}.attention.{name}.weight": weight}
        weights |= {f"{ours}.attention.{name}.bias": bias}
    return weights


def _linear(source: Source, theirs: str, ours: str, *shape: int) -> dict[str, Tensor]:
    """Weight and bias of a linear layer or a norm."""
    weight = source.take(f"{theirs}.weight", *shape)
    return {f"{ours}.weight": weight, f"{ours}.bias": source.take(f"{theirs}.bias", shape[0])}
