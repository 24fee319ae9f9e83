"""MLP (feed-forward layer) of a transformer block."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

Activation = Literal["gelu", "gelu_tanh"]
APPROXIMATIONS = {"gelu": "none", "gelu_tanh": "tanh"}


class MLP(nn.Module):
    """Feed-forward layer: two linear layers with a GELU between them, applied to each token.

    Args:
        dim: Width of the tokens.
        hidden: Width between the two layers.
        activation: ``gelu``, or ``gelu_tanh`` for its tanh approximation.
    """

    def __init__(self, dim: int, hidden: int, activation: Activation = "gelu") -> None:
        super().__init__()
        if activation not in APPROXIMATIONS:
            raise ValueError(f"activation={activation!r} is none of {', '.join(APPROXIMATIONS)}")
        self.up = nn.Linear(dim, hidden)
        self.activation = nn.GELU(APPROXIMATIONS[activation])
        self.down = nn.Linear(hidden, dim)

    def forward(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        return self.down(self.activation(self.up(x)))
