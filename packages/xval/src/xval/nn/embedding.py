"""xVal's embedding: token vectors scaled by the number's value, plus positions."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sciformer.nn.token_ids import check_ids
from xval.encodings.special_tokens import NUM


class NumberEmbedding(nn.Module):
    """``h_t = x_t E[token_t] + p_t``, with x = 1 for words (Golkar et al. 2023, section 2).

    The layer norm after it reduces a number to ``x / sqrt(1 + x^2)``, which is flat beyond a few
    units. With ``scales``, [NUM] gets further directions, each of which saturates at a different
    value, and a constant one, which distinguishes zero from an empty position:

        h_t += v + sum_k u_k s_k x_t / sqrt(1 + (s_k x_t)^2)

    Raises ``ValueError`` for texts that are longer than ``length``, or unknown tokens.

    Args:
        vocab: Number of tokens.
        dim: Width of the residual stream.
        length: Longest text, in tokens.
        scales: The s_k; none is the paper's embedding.
    """

    scales: Tensor

    def __init__(self, vocab: int, dim: int, length: int, scales: Sequence[float] = ()) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab, dim)
        self.positions = nn.Embedding(length, dim)
        self.register_buffer("scales", torch.tensor(scales, dtype=torch.float32), persistent=False)
        self.axes = nn.Parameter(torch.empty(1 + len(scales), dim)) if len(scales) else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Give tokens, positions and directions equal norms, else a layer norm hides the values."""
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)

    def forward(
        self, tokens: Int64[Tensor, "batch time"], numbers: Float[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time dim"]:
        length, time = self.positions.num_embeddings, tokens.shape[1]
        if time > length:
            raise ValueError(f"{time} tokens do not fit into a context of {length}")
        check_ids(tokens, self.tokens.num_embeddings)
        x = numbers[..., None] * self.tokens(tokens)
        if self.axes is not None:
            scaled = numbers[..., None] * self.scales
            bounded = scaled / torch.sqrt(1 + scaled.square())
            values = F.pad(bounded, (1, 0), value=1.0) * (tokens == NUM)[..., None]
            x = x + values @ self.axes
        return x + self.positions.weight[:time]
