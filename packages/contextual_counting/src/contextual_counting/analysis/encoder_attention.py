"""Encoder attention: scores between token classes, leaks onto 0s and 1s, rotary planes."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from contextual_counting.analysis.token_kinds import OWN_ONES, kinds
from contextual_counting.nn.model import CountingTransformer, Encoder
from contextual_counting.simulate.sequences import ONE, OPEN, ZERO
from sciformer.interpret.hooks import run_with_cache
from sciformer.nn.attention import split

AT_ONCE = 2**23  # attention weights in memory at a time


@torch.no_grad()
def class_scores(model: CountingTransformer) -> Float[Tensor, "query key"]:
    """Attention scores between token classes before the softmax, without positions.

    Learned positions are replaced by their mean, rotary ones taken at distance 0; heads are
    averaged. The classes are 0, 1, ``[``, ``]`` and the beginning token. One row per query class.
    """
    query, key = _class_query_key(model.encoder)
    return (query @ key.mT * query.shape[-1] ** -0.5).mean(0)


def _class_query_key(encoder: Encoder) -> tuple[Tensor, Tensor]:
    """Queries and keys of each class, (heads classes head_dim); not rotated."""
    classes = encoder.embedding.weight
    if encoder.positions is not None:
        classes = classes + encoder.positions.weight.mean(0)
    attention, normed = encoder.block.attention, encoder.block.attention_norm(classes)
    layers = (attention.query, attention.key)
    query, key = (split(layer(normed)[None], attention.heads)[0] for layer in layers)
    return query, key


@torch.no_grad()
def leak(
    model: CountingTransformer, tokens: Int64[Tensor, "batch time"], regions: int
) -> Float[Tensor, " regions"]:
    """Encoder attention of each region's 1s on 0s and 1s, as a fraction.

    The paper's circuit puts none there; whatever there is grows with the length.

    Args:
        model: Network; heads are averaged.
        tokens: Sequences of ``regions`` regions.
        regions: Number of regions.

    Returns:
        Mean over all 1s of each region; NaN where there are none.
    """
    total, ones = torch.zeros(regions), torch.zeros(regions)
    for part in tokens.split(max(1, AT_ONCE // tokens.shape[1] ** 2)):
        site = "encoder.block.attention.pattern"
        _, cache = run_with_cache(model, part, regions, names_filter=site)
        seen = model.encoder.with_begin(part)
        digits = ((seen == ZERO) | (seen == ONE)).to(torch.float32)
        pattern = cache[site].mean(1)
        leaked = torch.einsum("bqk,bk->bq", pattern, digits)
        own = (kinds(seen, regions) == OWN_ONES).to(torch.float32)  # (B, R, K)
        total += torch.einsum("brk,bk->r", own, leaked)
        ones += own.sum((0, 2))
    return total / ones


class Planes(NamedTuple):
    """Rotary planes, fastest first.

    Args:
        wavelength: Tokens per full rotation.
        strength: Largest contribution to the score between a 1 and a ``[``: the product of the
            norms of query and key in the plane.
    """

    wavelength: Float[Tensor, " planes"]
    strength: Float[Tensor, " planes"]


@torch.no_grad()
def rotary_planes(model: CountingTransformer) -> Planes:
    """Strength of each rotary plane in the score between a 1 and a ``[`` (the paper's figure 25).

    Args:
        model: Network with rotary positions; heads are averaged.

    Returns:
        Wavelength and strength of each plane.

    Raises:
        ValueError: If its positions are not rotary.
    """
    rotary = model.encoder.block.attention.rotary
    if rotary is None:
        raise ValueError("model.positions: not rotary, so there are no planes")
    query, key = _class_query_key(model.encoder)
    lengths = [
        torch.stack(vector.chunk(2, -1)).norm(dim=0)  # (H, planes)
        for vector in (query[:, ONE], key[:, OPEN])
    ]
    strength = (lengths[0] * lengths[1]).mean(0) * query.shape[-1] ** -0.5
    plane = torch.arange(len(strength))
    return Planes(2 * math.pi * rotary.base ** (plane / len(strength)), strength)


@torch.no_grad()
def position_scores(model: CountingTransformer) -> Float[Tensor, "query key"]:
    """Scores between a 1 and a ``[`` at each pair of positions (the paper's figures 17 to 19).

    Args:
        model: Network with learned positions; heads are averaged.

    Returns:
        One row per query position; NaN for hidden keys of a causal encoder.

    Raises:
        ValueError: If its positions are not learned.
    """
    encoder = model.encoder
    if encoder.positions is None:
        raise ValueError("model.positions: not learned, so there is no map of them")
    attention, table = encoder.block.attention, encoder.embedding.weight
    ones, opens = (encoder.positions.weight + table[token] for token in (ONE, OPEN))
    query = split(attention.query(encoder.block.attention_norm(ones))[None], attention.heads)[0]
    key = split(attention.key(encoder.block.attention_norm(opens))[None], attention.heads)[0]
    scores = (query @ key.mT * query.shape[-1] ** -0.5).mean(0)
    future = torch.ones_like(scores, dtype=torch.bool).triu(1)
    return scores.masked_fill(future, math.nan) if attention.causal else scores
