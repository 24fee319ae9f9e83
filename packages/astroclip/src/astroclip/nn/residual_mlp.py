"""Head of the encoders: a residual MLP."""

from jaxtyping import Float
from torch import Tensor, nn


class Head(nn.Module):
    """Residual MLP with a layer norm: ``h = LN(W3 GELU(W2 x) + W1 x)``.

    Args:
        features: Width of the input.
        width: Width of the embedding.
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
