"""Map the original's state dict to our names and layouts.

Convolutions become matrices (see ``mpp.nn.stem``); queries, keys and values, which the original
interleaves by head, become three blocks of rows.
"""

from collections.abc import Mapping

from torch import Tensor

from sciformer.training.checkpoints.original_weights import Converted, Source

STAGES = (4, 2, 2)


def convert_state(state: Mapping[str, Tensor], heads: int | None = None) -> Converted:
    """Convert names and layouts.

    Args:
        state: Original state dict.
        heads: Number of attention heads; inferred from the weights unless given.

    Returns:
        Our settings and weights, and the names of dropped weights.

    Raises:
        ValueError: Naming key and shape of missing, mismatched or unknown weights.
    """
    source = Source(state)
    hidden, fields = source.sizes("space_bag.weight", 2)
    dim = source.sizes("embed.in_proj.6.weight", 4)[0]
    head_dim = source.sizes("blocks.0.temporal.qnorm.weight", 1)[0]
    found = dim // head_dim if head_dim and dim % head_dim == 0 else 0
    if dim != 4 * hidden or not found:
        raise ValueError(f"a width of {dim} is not 4 x {hidden} or no multiple of {head_dim}")
    if heads is not None and heads != found:
        raise ValueError(
            f"heads={heads}, but blocks.0.temporal.qnorm.weight of {head_dim} says {found}"
        )
    depth = source.count("blocks")
    bias = _bias(source)
    weights = _stem(source, dim, fields) | _head(source, dim, fields)
    for i in range(depth):
        weights |= _block(source, f"blocks.{i}.", dim, found, bias)
    source.check_empty()
    settings = {
        "fields": fields,
        "size": [dim, depth, found],
        "patch": list(STAGES),
        "bias": bias,
        "target": "next",
        "legacy": True,
    }
    return Converted(settings, weights, source.dropped)


def _bias(source: Source) -> str:
    """Kind of position bias, from the weights of the first block."""
    names = [name for name in source.left if name.startswith("blocks.0.temporal.rel_pos_bias.")]
    if not names:
        return "none"
    return "continuous" if any("cpb_mlp" in name for name in names) else "relative"


def _stem(source: Source, dim: int, fields: int) -> dict[str, Tensor]:
    q, at = dim // 4, "embed.in_proj."
    weights = {
        "stem.field_weight": source.take("space_bag.weight", q, fields),
        "stem.field_bias": source.take("space_bag.bias", q),
        "stem.kernel": source.take(f"{at}0.weight", q, q, 4, 4).flatten(2),
    }
    for i, width in enumerate((q, dim)):
        kernel = source.take(f"{at}{3 * i + 3}.weight", width, q, 2, 2)
        weights[f"stem.merges.{i}.weight"] = kernel.permute(0, 2, 3, 1).flatten(1)
    for i, width in enumerate((q, q, dim)):
        weights |= _norm(source, f"{at}{3 * i + 1}", f"stem.norms.{i}", width)
    return weights


def _head(source: Source, dim: int, fields: int) -> dict[str, Tensor]:
    q = dim // 4
    weights = {
        "head.kernel": source.take("debed.out_kernel", q, fields, 4, 4).flatten(2),
        "head.bias": source.take("debed.out_bias", fields),
    }
    for i, width in enumerate((dim, q)):
        at = f"debed.out_proj.{3 * i}"
        kernel = source.take(f"{at}.weight", width, q, 2, 2)
        weights[f"head.splits.{i}.weight"] = kernel.permute(2, 3, 1, 0).flatten(0, 2)
        weights |= _norm(source, f"debed.out_proj.{3 * i + 1}", f"head.norms.{i}", q)
    return weights


def _norm(
    source: Source, theirs: str, ours: str, dim: int, biased: bool = False
) -> dict[str, Tensor]:
    weights = {f"{ours}.weight": source.take(f"{theirs}.weight", dim)}
    if biased:
        weights[f"{ours}.bias"] = source.take(f"{theirs}.bias", dim)
    else:
        source.drop(f"{theirs}.bias", dim)  # of an RMSInstanceNorm2d, which adds none
    return weights


def _block(source: Source, at: str, dim: int, heads: int, bias: str) -> dict[str, Tensor]:
    weights = {f"{at}mlp_gain": source.take(f"{at}spatial.gamma_mlp", dim)}
    for kind, gain, biased in (("temporal", "gamma", True), ("spatial", "gamma_att", False)):
        weights[f"{at}{kind}.attention.gain"] = source.take(f"{at}{kind}.{gain}", dim)
        for theirs, ours in (("norm1", "norm"), ("norm2", "out_norm")):
            weights |= _norm(source, f"{at}{kind}.{theirs}", f"{at}{kind}.{ours}", dim, biased)
        weights |= _attention(source, f"{at}{kind}.", dim, heads, bias)
    weights |= _norm(source, f"{at}spatial.mlp_norm", f"{at}mlp_norm", dim)
    for theirs, ours, out, into in (("fc1", "up", 4 * dim, dim), ("fc2", "down", dim, 4 * dim)):
        weights[f"{at}{ours}.weight"] = source.take(f"{at}spatial.mlp.{theirs}.weight", out, into)
        weights[f"{at}{ours}.bias"] = source.take(f"{at}spatial.mlp.{theirs}.bias", out)
    return weights


def _attention(source: Source, at: str, dim: int, heads: int, bias: str) -> dict[str, Tensor]:
    head_dim, ours = dim // heads, f"{at}attention."
    rows = source.take(f"{at}input_head.weight", 3 * dim, dim, 1, 1).flatten(1)
    offsets = source.take(f"{at}input_head.bias", 3 * dim)
    by_head = (heads, 3, head_dim)  # theirs; ours is (3, heads, head_dim)
    weights = {
        f"{ours}query_key_value.weight": rows.unflatten(0, by_head).transpose(0, 1).flatten(0, 2),
        f"{ours}query_key_value.bias": offsets.view(by_head).transpose(0, 1).flatten(),
        f"{ours}out.weight": source.take(f"{at}output_head.weight", dim, dim, 1, 1).flatten(1),
        f"{ours}out.bias": source.take(f"{at}output_head.bias", dim),
    }
    for theirs, name in (("qnorm", "query_norm"), ("knorm", "key_norm")):
        weights |= _norm(source, f"{at}{theirs}", f"{ours}{name}", head_dim, biased=True)
    if bias == "relative":
        name = f"{at}rel_pos_bias.relative_attention_bias.weight"
        weights[f"{ours}bias.weight"] = source.take(name, 32, heads)
    elif bias == "continuous":
        at = f"{at}rel_pos_bias.cpb_mlp."
        hidden = source.sizes(f"{at}0.bias", 1)[0]
        weights[f"{ours}bias.up.weight"] = source.take(f"{at}0.weight", hidden, 1)
        weights[f"{ours}bias.up.bias"] = source.take(f"{at}0.bias", hidden)
        weights[f"{ours}bias.down.weight"] = source.take(f"{at}2.weight", heads, hidden)
    return weights
