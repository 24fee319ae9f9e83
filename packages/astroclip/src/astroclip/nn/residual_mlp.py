"""From what an encoder has seen to its embedding."""

from jaxtyping import Float
from torch import Tensor, nn


class Head(nn.Module):
    """Two linear layers beside a single one, and a norm: ``h = LN(W3 GELU(W2 x) + W1 x)``.

    Args:
        features: Numbers that come in.
        width: Numbers of the embedding.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.skip = nn.Linear(features, width)
        self.up = nn.Linear(features, width)
        self.activation = nn.GELU()
        self.down = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "batch features"]) -> Float[Tensor, "batch width"]:
        return self.norm(self.down(self.activation(self.up(x))) + self.skip(x))
