"""The original's pooling heads: cross-attention of one learned query to an encoder's tokens."""

from jaxtyping import Float
from torch import Tensor, nn

from sciformer.nn.mlp import MLP
from sciformer.nn.pooling import AttentionPooling


class PoolingHead(nn.Module):
    """Cross-attention of one query, a norm, an MLP: from tokens to an embedding.

        x = LN(attention(query, tokens)),    h = MLP(x), or x + MLP(x)

    The original's spectrum head has the residual, its image head does not (Parker et al. 2024,
    section 3.3, and its code). A batch may have one sample.

    Args:
        dim: Width of the embedding.
        heads: Attention heads; divides ``dim``.
        context_dim: Width of the tokens.
        hidden: Width between the two layers of the MLP.
        residual: Whether the MLP has a residual connection.
        dropout: Dropout after the attention and after the MLP.
    """

    def __init__(
        self,
        dim: int = 1024,
        heads: int = 4,
        context_dim: int = 1024,
        hidden: int = 4096,
        residual: bool = True,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.pooling = AttentionPooling(dim, heads, context_dim=context_dim)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(dim)
        self.mlp = MLP(dim, hidden)
        self.residual = residual

    def forward(
        self, tokens: Float[Tensor, "batch time context_dim"]
    ) -> Float[Tensor, "batch dim"]:
        x = self.norm(self.dropout(self.pooling(tokens)[:, 0]))
        update = self.dropout(self.mlp(x))
        return x + update if self.residual else update

    def weights(
        self, tokens: Float[Tensor, "batch time context_dim"]
    ) -> Float[Tensor, "batch heads time"]:
        """Attention weights of each head; they sum to 1 over tokens."""
        return self.pooling.weights(tokens)[:, :, 0]
