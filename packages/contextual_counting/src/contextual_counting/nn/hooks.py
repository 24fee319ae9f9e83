"""Activation cache and hooks: read or replace named activations inside the network.

The network's own forward pass does not keep its attention weights. Here it is computed step by
step with the network's layers, and each intermediate activation (site) has a name:

    encoder.tokens      embedded tokens, with positions       (batch keys dim)
    encoder.attention.query, .key, .value                     (batch heads keys head_dim)
    encoder.attention.scores                                  (batch heads keys keys), -inf: hidden
    encoder.attention.pattern                                 softmax of the scores
    encoder.attention.z, .out                                 weighted values; projected
    encoder.middle      residual stream after the attention   (batch keys dim)
    encoder.mlp.out     output of the MLP
    encoder.out         after the last norm
    decoder.cross.query                                       (batch heads regions head_dim)
    decoder.cross.key, .value                                 (batch heads keys head_dim)
    decoder.cross.scores, .pattern                            (batch heads regions keys)
    decoder.cross.z, .out                                     weighted values; projected
    decoder.out         input of the head                   (batch regions dim)
    decoder.logits                                            (batch regions classes)
"""

from collections.abc import Callable, Collection, Mapping

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from contextual_counting.nn.model import CountingTransformer, Decoder, Encoder
from sciformer.nn.attention import SelfAttention, merge, split
from sciformer.nn.pooling import AttentionPooling

SITES = (
    "encoder.tokens",
    *(f"encoder.attention.{n}" for n in ("query", "key", "value", "scores", "pattern", "z", "out")),
    "encoder.middle",
    "encoder.mlp.out",
    "encoder.out",
    *(f"decoder.cross.{n}" for n in ("query", "key", "value", "scores", "pattern", "z", "out")),
    "decoder.out",
    "decoder.logits",
)
INSIDE = SITES[: SITES.index("encoder.out")]  # sites within the encoder
ATTENTION = tuple(name for name in INSIDE if ".attention." in name)

Hook = Callable[[Tensor], Tensor]
At = Callable[
    [str, Tensor], Tensor
]  # called with a site's name and activation; returns its replacement


def run_with_cache(
    model: CountingTransformer,
    tokens: Int64[Tensor, "batch time"],
    regions: int,
    names: Collection[str] = SITES,
) -> tuple[Float[Tensor, "batch {regions} classes"], dict[str, Tensor]]:
    """Forward pass that also returns the activations at some sites.

    Args:
        model: Network.
        tokens: Sequences, without a beginning token.
        regions: Number of prompts.
        names: Sites to keep. A site within the encoder's attention costs memory quadratic in the
            length.

    Returns:
        Logits, and activations by site.

    Raises:
        ValueError: If a site is unknown.
    """
    cache: dict[str, Tensor] = {}

    def at(name: str, found: Tensor) -> Tensor:
        if name in names:
            cache[name] = found
        return found

    return _trace(model, tokens, regions, _known(names), at), cache


def run_with_hooks(
    model: CountingTransformer,
    tokens: Int64[Tensor, "batch time"],
    regions: int,
    hooks: Mapping[str, Hook],
) -> Float[Tensor, "batch {regions} classes"]:
    """Forward pass with activations replaced at some sites.

    Args:
        model: Network.
        tokens: Sequences, without a beginning token.
        regions: Number of prompts.
        hooks: Site -> function from its activation to the replacement.

    Returns:
        Logits.

    Raises:
        ValueError: If a site is unknown.
    """

    def at(name: str, found: Tensor) -> Tensor:
        return hooks[name](found) if name in hooks else found

    return _trace(model, tokens, regions, _known(hooks), at)


def _known(names: Collection[str]) -> Collection[str]:
    for name in names:
        if name not in SITES:
            raise ValueError(f"site {name!r} is none of {', '.join(SITES)}")
    return names


def _trace(
    model: CountingTransformer,
    tokens: Tensor,
    regions: int,
    names: Collection[str],
    at: At,
) -> Tensor:
    if set(INSIDE).isdisjoint(names):
        encoded = model.encoder(tokens)  # faster: from prefix counts if there are no positions
    else:
        encoded = _encode(model.encoder, tokens, not set(ATTENTION).isdisjoint(names), at)
    z = _cross(model.decoder.attention, at("encoder.out", encoded), regions, at)
    return read_out(model.decoder, z, at)


def _encode(encoder: Encoder, tokens: Tensor, written_out: bool, at: At) -> Tensor:
    block = encoder.block
    x = encoder.embedding(encoder.with_begin(tokens))
    if encoder.positions is not None:
        x = encoder.positions(x)
    x = at("encoder.tokens", x)
    normed = block.attention_norm(x)
    out = _attend(block.attention, normed, at) if written_out else block.attention(normed)
    x = at("encoder.middle", x + out)
    x = x + at("encoder.mlp.out", block.mlp(block.mlp_norm(x)))
    return encoder.norm(x)


def _attend(attention: SelfAttention, x: Tensor, at: At) -> Tensor:
    query, key = attention.query_key(x)
    query, key = at("encoder.attention.query", query), at("encoder.attention.key", key)
    value = at("encoder.attention.value", split(attention.value(x), attention.heads))
    scores = query @ key.mT * query.shape[-1] ** -0.5
    if attention.alibi is not None:
        scores = scores + attention.alibi(x.shape[1], x.shape[1])
    if attention.causal:
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        scores = scores.masked_fill(future, float("-inf"))
    scores = at("encoder.attention.scores", scores)
    pattern = at("encoder.attention.pattern", scores.softmax(-1))
    z = at("encoder.attention.z", pattern @ value)
    return at("encoder.attention.out", attention.out(merge(z)))


def _cross(pooling: AttentionPooling, x: Tensor, regions: int, at: At) -> Tensor:
    asked = pooling.first(regions).expand(x.shape[0], -1, -1)
    query = at("decoder.cross.query", split(pooling.query(asked), pooling.heads))
    key = at("decoder.cross.key", split(pooling.key(x), pooling.heads))
    value = at("decoder.cross.value", split(pooling.value(x), pooling.heads))
    scores = at("decoder.cross.scores", query @ key.mT * query.shape[-1] ** -0.5)
    pattern = at("decoder.cross.pattern", scores.softmax(-1))
    return at("decoder.cross.z", pattern @ value)


def read_out(
    decoder: Decoder,
    z: Float[Tensor, "batch heads regions head_dim"],
    at: At = lambda _, found: found,
) -> Float[Tensor, "batch regions classes"]:
    """Logits from the decoder's weighted values (``decoder.cross.z``).

    Args:
        decoder: Decoder of the network.
        z: Weighted values, one row per region.
        at: Called at the later sites.

    Returns:
        Logits of each region.
    """
    out = at("decoder.cross.out", decoder.attention.out(merge(z)))
    out = out + decoder.attention.queries[: out.shape[1]]
    if decoder.mlp is not None and decoder.mlp_norm is not None:
        out = out + decoder.mlp(decoder.mlp_norm(out))
    return at("decoder.logits", decoder.head(at("decoder.out", out)))
