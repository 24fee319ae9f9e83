"""Transformer encoder: a stack of transformer blocks."""

from collections.abc import Callable

from jaxtyping import Bool, Float
from torch import Tensor, nn

from sciformer.nn.block import Block, TransformerBlock
from sciformer.nn.mlp import Activation
from sciformer.nn.position import Alibi, Rotary


class Encoder(nn.Module):
    """Transformer blocks and a final layer norm.

    Args:
        dim: Width of the residual stream.
        depth: Number of blocks.
        heads: Attention heads per block; divides ``dim``.
        causal: Hide later tokens from earlier ones.
        mlp_ratio: Hidden width of the MLPs in units of ``dim``.
        qk_norm: Normalize queries and keys, see ``SelfAttention``.
        rotary: Apply rotary position embedding in every block.
        alibi: Add ALiBi's linear distance biases in every block.
        activation: Activation of the MLPs: ``gelu`` or ``gelu_tanh``.
        final_norm: Apply the final norm, which some published networks lack.
        block: Class of the blocks, made with the arguments of ``TransformerBlock`` and called with
            tokens and mask. FSDP and activation checkpointing take each as a unit.
    """

    def __init__(  # noqa: PLR0913  # what a block takes
        self,
        dim: int,
        depth: int,
        heads: int,
        causal: bool = False,
        *,
        mlp_ratio: float = 4.0,
        qk_norm: bool = False,
        rotary: Rotary | None = None,
        alibi: Alibi | None = None,
        activation: Activation = "gelu",
        final_norm: bool = True,
        block: Callable[..., Block] = TransformerBlock,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            block(
                dim,
                heads,
                causal,
                mlp_ratio=mlp_ratio,
                qk_norm=qk_norm,
                rotary=rotary,
                alibi=alibi,
                activation=activation,
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim) if final_norm else nn.Identity()

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        mask: Bool[Tensor, "#batch #time time"] | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)
