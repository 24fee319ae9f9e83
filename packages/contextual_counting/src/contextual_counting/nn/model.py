"""Counting transformer (Golkar et al. 2024, arXiv 2406.02585): encoder block and cross-attention.

What the paper leaves open (pre- or post-norm, MLP ratio, head) is chosen by measurement; see the
README.
"""

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from contextual_counting.nn.count_heads import FreeHead, QuadraticHead
from contextual_counting.nn.prefix_count_attention import CountingBlock
from sciformer.nn.attention import divide
from sciformer.nn.block import TransformerBlock
from sciformer.nn.mlp import MLP
from sciformer.nn.pooling import AttentionPooling
from sciformer.nn.position import Alibi, LearnedPositions, Rotary
from sciformer.nn.precision import in_fp32
from sciformer.nn.sites import watched
from sciformer.nn.token_ids import check_ids

TOKENS = 5  # 0, 1, [, ] and the beginning of the sequence
BEGIN = 4
HEADS = {"free": FreeHead, "quadratic": QuadraticHead}


class Encoder(nn.Module):
    """Token embedding, one transformer block and a norm.

    Without positions the block computes attention from prefix counts, exactly and faster.

    Args:
        dim: Width of the residual stream.
        heads: Attention heads; divides ``dim``.
        causal: Hide later tokens from earlier ones.
        positions: Position encoding: ``none``, ``rotary``, ``learned`` or ``alibi``.
        slope: Slope of ALiBi's linear bias, per token of distance.
        length: Longest sequence, for learned positions.
        begin: Prepend a beginning-of-sequence token.
        dilution: Largest factor, at least 1, by which 0s and 1s are repeated in the attention
            during training; log-uniform, one draw per sequence. It mimics longer sequences. Only
            without positions.
    """

    def __init__(  # the switches of the network
        self,
        dim: int,
        heads: int,
        causal: bool,
        positions: str,
        slope: float,
        length: int,
        begin: bool,
        dilution: float = 1.0,
    ) -> None:
        super().__init__()
        self.begin = begin
        self.dilution = dilution
        self.embedding = nn.Embedding(TOKENS, dim)
        self.positions = LearnedPositions(length + 1, dim) if positions == "learned" else None
        kind = CountingBlock if positions == "none" else TransformerBlock
        self.block = kind(
            dim,
            heads,
            causal,
            mlp_ratio=2.0,
            rotary=Rotary(divide(dim, heads)) if positions == "rotary" else None,
            alibi=Alibi([slope] * heads) if positions == "alibi" else None,
        )
        self.norm = nn.LayerNorm(dim)
        self.longest = length if positions == "learned" else math.inf

    def forward(self, tokens: Int64[Tensor, "batch time"]) -> Float[Tensor, "batch keys dim"]:
        tokens = self.with_begin(tokens)
        if isinstance(self.block, CountingBlock) and not watched():
            return self.norm(self.block(self.embedding.weight, tokens, self.times(tokens.shape[0])))
        x = self.embedding(tokens)
        if self.positions is not None:
            x = self.positions(x)
        return self.norm(self.block(x))

    def times(self, samples: int) -> Float[Tensor, "{samples} classes"] | None:
        """Repeat count of each token class, one draw per sequence; None outside training."""
        if not self.training or self.dilution == 1:
            return None
        times = self.embedding.weight.new_ones(samples, TOKENS)
        times[:, :2] = self.dilution ** torch.rand_like(times[:, :1])  # 0s and 1s
        return times

    def with_begin(self, tokens: Int64[Tensor, "batch time"]) -> Int64[Tensor, "batch keys"]:
        """Check the tokens; prepend the beginning-of-sequence token, if the network has one."""
        check_ids(tokens, TOKENS)
        return nn.functional.pad(tokens, (1, 0), value=BEGIN) if self.begin else tokens


class Decoder(nn.Module):
    """Cross-attention from one learned prompt per region, then logits over counts.

    Args:
        dim: Width of the residual stream.
        heads: Attention heads; divides ``dim``.
        regions: Number of prompts.
        classes: Number of counts, 0 to ``classes`` - 1.
        head: ``quadratic`` or ``free``.
        mlp: Add an MLP after the cross-attention (the paper's appendix D.2).
    """

    def __init__(
        self, dim: int, heads: int, regions: int, classes: int, head: str, mlp: bool
    ) -> None:
        super().__init__()
        self.attention = AttentionPooling(dim, heads, regions)
        self.mlp_norm = nn.LayerNorm(dim) if mlp else None
        self.mlp = MLP(dim, 2 * dim) if mlp else None
        self.head = HEADS[head](dim, classes)

    def forward(
        self,
        x: Float[Tensor, "batch keys dim"],
        regions: int,
        visible: Bool[Tensor, "batch keys"] | None = None,
    ) -> Float[Tensor, "batch {regions} classes"]:
        return self.read_out(self.attention(x, visible, queries=regions))

    def read_out(
        self, attended: Float[Tensor, "batch regions dim"]
    ) -> Float[Tensor, "batch regions classes"]:
        """Logits of regions from the output of the cross-attention."""
        z = attended + self.attention.queries[: attended.shape[1]]
        if self.mlp is not None and self.mlp_norm is not None:
            z = z + self.mlp(self.mlp_norm(z))
        return self.head(z)


class CountingTransformer(nn.Module):
    """Counting transformer: count the 1s in each region of a sequence.

    The decoder is in fp32 whatever the precision of the rest: bf16 cannot resolve counts above 256.

    Args:
        dim: Width of the residual stream.
        heads: Attention heads of encoder and decoder; divides ``dim``.
        causal: Hide later tokens from earlier ones in the encoder.
        positions: Position encoding: ``none``, ``rotary``, ``learned`` or ``alibi``.
        slope: Slope of ALiBi's linear bias, per token of distance.
        begin: Prepend a beginning-of-sequence token.
        head: ``quadratic`` or ``free``.
        mlp: Add an MLP to the decoder (the paper's appendix D.2).
        classes: Number of counts, 0 to ``classes`` - 1.
        regions: Largest number of regions of a sequence.
        length: Longest sequence, for learned positions.
        uniform: Initialize encoder and decoder with uniform attention.
        dilution: Largest repeat factor of 0s and 1s in training, see ``Encoder``.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # the paper's switches
        self,
        dim: int = 64,
        heads: int = 1,
        causal: bool = True,
        positions: str = "none",
        slope: float = 1.0,
        begin: bool = True,
        head: str = "quadratic",
        mlp: bool = False,
        classes: int = 512,
        regions: int = 6,
        length: int = 512,
        uniform: bool = True,
        dilution: float = 1.0,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(dim, heads, causal, positions, slope, length, begin, dilution)
        self.decoder = Decoder(dim, heads, regions, classes, head, mlp)
        if uniform:
            self.attend_uniformly()

    def attend_uniformly(self) -> None:
        """Initialize with uniform attention, whatever the random weights.

        With random queries one seed in twelve starts with 1s that attend to 1s only, and does not
        train.
        """
        for attention in (self.encoder.block.attention, self.decoder.attention):
            nn.init.zeros_(attention.query.weight)
            nn.init.zeros_(attention.query.bias)

    def forward(
        self,
        tokens: Int64[Tensor, "batch time"],
        regions: int,
        visible: Bool[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, "batch {regions} classes"]:
        if visible is not None and self.encoder.begin:  # the beginning token is always visible
            visible = nn.functional.pad(visible, (1, 0), value=True)
        return in_fp32(self.decoder, self.encoder(tokens), regions=regions, visible=visible)

    @torch.no_grad()
    def collapse(self) -> None:
        """Replace the head by its equivalent single linear layer."""
        self.decoder.head = self.decoder.head.collapsed()
