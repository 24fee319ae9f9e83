"""Transformer block, and the base class of blocks that are sharded or recomputed one by one."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from sciformer.nn.attention import SelfAttention
from sciformer.nn.mlp import MLP, Activation
from sciformer.nn.position import Alibi, Rotary
from sciformer.nn.sites import site


class Block(nn.Module):
    """A unit of a network for FSDP sharding and activation checkpointing."""


class TransformerBlock(Block):
    """Pre-norm transformer block: self-attention, then an MLP, each with a residual connection.

    Args:
        dim: Width of the residual stream.
        heads: Number of attention heads; divides ``dim``.
        causal: Hide later tokens from earlier ones.
        mlp_ratio: Hidden width of the MLP in units of ``dim``.
        qk_norm: Normalize queries and keys, see ``SelfAttention``.
        rotary: Apply rotary position embedding to queries and keys.
        alibi: Add ALiBi's linear distance biases to the scores.
        activation: Activation of the MLP: ``gelu`` or ``gelu_tanh``.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        causal: bool = False,
        *,
        mlp_ratio: float = 4.0,
        qk_norm: bool = False,
        rotary: Rotary | None = None,
        alibi: Alibi | None = None,
        activation: Activation = "gelu",
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = SelfAttention(
            dim, heads, causal, qk_norm=qk_norm, rotary=rotary, alibi=alibi
        )
        self.mlp_norm = nn.LayerNorm(dim)
        self.mlp = MLP(dim, round(mlp_ratio * dim), activation)

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        mask: Bool[Tensor, "#batch #time time"] | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        x = site("middle", x + self.attention(self.attention_norm(x), mask))
        return x + self.mlp(self.mlp_norm(x))
