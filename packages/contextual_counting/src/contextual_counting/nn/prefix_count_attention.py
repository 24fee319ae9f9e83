"""Attention from prefix counts: exact, and linear in length, for a first layer without positions.

Such a layer sees only the embeddings of a few token classes. A score depends on the classes of
query and key alone, and the softmax over keys is one over classes, each weighted by how often it
has occurred so far:

    attention(t) = sum_c softmax_c(score(class_t, c) + log n_c(t)) value_c
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sciformer.nn.attention import SelfAttention
from sciformer.nn.block import TransformerBlock


class CountingBlock(TransformerBlock):
    """Pre-norm transformer block on token classes, or like any other on embedded tokens.

    Weights, their names and the output are those of the ``TransformerBlock`` it extends.
    """

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # tokens, no mask
        self,
        classes: Float[Tensor, "*classes dim"],
        tokens: Int64[Tensor, "batch time"] | None = None,
        times: Float[Tensor, "batch classes"] | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        if tokens is None:  # classes are those of every token
            return super().forward(classes)
        seen = tokens[..., None] == torch.arange(len(classes), device=tokens.device)  # (B, T, C)
        x = count_attention(self.attention, self.attention_norm(classes), classes, seen, times)
        return x + self.mlp(self.mlp_norm(x))


def count_attention(
    attention: SelfAttention,
    normed: Float[Tensor, "classes dim"],
    classes: Float[Tensor, "classes dim"],
    seen: Bool[Tensor, "batch time classes"],
    times: Float[Tensor, "batch classes"] | None = None,
) -> Float[Tensor, "batch time dim"]:
    """Residual stream after the attention, ``x + attention(norm(x))``, from prefix counts.

    Residual and attention are one product of (own class, attention weights) with (embedding,
    value).

    Args:
        attention: Attention layer; causal or not.
        normed: Input of the attention for each token class.
        classes: Residual stream for each token class.
        seen: One-hot token classes.
        times: Repeat count of each token class; 1 by default.

    Returns:
        Residual stream after the attention.
    """
    own = seen.to(classes.dtype)
    wide = torch.promote_types(own.dtype, torch.float32)  # counts are exact up to 2^24
    counts = own.cumsum(1, dtype=wide) if attention.causal else own.sum(1, True, dtype=wide)
    if times is not None:
        counts = counts * times[:, None]
    query, key, value = (
        layer(normed).unflatten(-1, (attention.heads, -1)).transpose(0, 1)  # (H, C, D/H)
        for layer in (attention.query, attention.key, attention.value)
    )
    scores = query @ key.mT * query.shape[-1] ** -0.5  # (H, C, C)
    of_token = own[:, None] @ scores  # (B, H, T, C)
    pattern = torch.softmax(of_token + counts.log()[:, None], -1)
    out = attention.out.weight.unflatten(-1, (attention.heads, -1)).transpose(0, 1)  # (H, D, D/H)
    table = torch.cat([classes, *(value @ out.mT)])  # (C + H C, D)
    weights = torch.cat([own, pattern.transpose(1, 2).flatten(2).to(own.dtype)], -1)
    return (
        weights @ table + attention.out.bias
    )  # the backward pass of linear() is seven times slower here
