"""Effective values: the contribution of a token to the logits, and the paper's formula."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from contextual_counting.analysis.token_kinds import OWN_ONES, kinds
from contextual_counting.nn.count_heads import UNIT, QuadraticHead
from contextual_counting.nn.model import CountingTransformer
from sciformer.interpret.hooks import run_with_cache
from sciformer.interpret.token_kinds import attention_by_kind
from sciformer.nn.attention import merge


class Values(NamedTuple):
    """Equation 3 of the paper for one region: ``logits(n) = (n own + rest weight) / (n + weight)``.

    Args:
        own: Logits under full attention on one of the region's 1s.
        rest: Logits under full attention on all other tokens, at their measured proportions.
        weight: Attention on all other tokens, in units of one of the region's 1s.
    """

    own: Float[Tensor, " classes"]
    rest: Float[Tensor, " classes"]
    weight: Float[Tensor, ""]

    def logits(self, counts: Int64[Tensor, " counts"]) -> Float[Tensor, "counts classes"]:
        """Logits of the formula for each number of 1s."""
        share = (counts / (counts + self.weight))[:, None]
        return share * self.own + (1 - share) * self.rest


def is_linear(model: CountingTransformer) -> bool:
    """Whether the logits are linear in the weighted values of a single head, as assumed."""
    return model.decoder.mlp is None and model.decoder.attention.heads == 1


@torch.no_grad()
def effective_values(
    model: CountingTransformer, tokens: Int64[Tensor, "batch time"], regions: int
) -> list[Values]:
    """Effective values of each region (the paper's figure 10), means over sequences.

    Args:
        model: Network for which :func:`is_linear` is true.
        tokens: Sequences of ``regions`` regions.
        regions: Number of prompts.

    Returns:
        Values of each region.
    """
    names = ["decoder.attention.pattern", "decoder.attention.value"]
    _, cache = run_with_cache(model, tokens, regions, names_filter=names)
    pattern, value = (cache[name][:, 0].double() for name in names)
    own = kinds(model.encoder.with_begin(tokens), regions) == OWN_ONES  # (B, R, K)
    number, mass, summed = attention_by_kind(pattern, value, own.long(), 2)
    some = number[..., 1] > 0
    # Tokens weigh by their attention, sequences by 1 / the attention on one own 1.
    unit = (mass[..., 1] / number[..., 1]).where(some, torch.inf)
    weights, vectors = (mass / unit[..., None]).sum(0), (summed / unit[..., None, None]).sum(0)
    found = []
    for region in range(regions):
        means = vectors[region] / weights[region, :, None]
        rest_logits, own_logits = (_answer(model, z, region) for z in means)
        found.append(Values(own_logits, rest_logits, weights[region, 0] / some[:, region].sum()))
    return found


def _answer(model: CountingTransformer, z: Tensor, region: int) -> Tensor:
    """Logits of a region's prompt for given weighted values ``z``, in fp64."""
    pooling, head = model.decoder.attention, model.decoder.head.collapsed()
    out = pooling.out.weight.double() @ z + pooling.out.bias.double()
    asked = pooling.queries[region].double()
    return head.weight.double() @ (out + asked) + head.bias.double()


def implied(
    model: CountingTransformer, out: Float[Tensor, "batch regions dim"]
) -> Float[Tensor, "batch regions"]:
    """Count as a real number: the vertex of the quadratic head's parabola, or the softmax mean.

    Args:
        model: Network.
        out: Input of its head, the site ``decoder.head.in``.

    Returns:
        Real-valued counts.
    """
    head = model.decoder.head
    if isinstance(head, QuadraticHead):
        p, q = head.ratio(out).unbind(-1)
        most = head.powers.shape[1] - 1
        return (UNIT * p / q).where(q > 0, torch.tensor(float(most))).clamp(0, most)
    logits = head(out).double()
    return (logits.softmax(-1) @ torch.arange(logits.shape[-1]).double()).to(out.dtype)


@torch.no_grad()
def decoded(
    model: CountingTransformer, tokens: Int64[Tensor, "batch time"], regions: int
) -> Float[Tensor, "batch regions dim"]:
    """Output of the decoder's attention, heads concatenated: ``decoder.attention.z``."""
    _, cache = run_with_cache(model, tokens, regions, names_filter="decoder.attention.z")
    return merge(cache["decoder.attention.z"])
