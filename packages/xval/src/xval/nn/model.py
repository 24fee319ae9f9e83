"""The network of xVal (Golkar et al. 2023, arXiv 2310.02989, section 2 and figure 1)."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from sciformer.nn.encoder import Encoder
from sciformer.nn.precision import in_fp32, like_weights
from xval.encodings.normalization import Transforms
from xval.encodings.special_tokens import NUM
from xval.nn.embedding import NumberEmbedding
from xval.nn.pointer import Pointer
from xval.nn.quantiles import Quantiles
from xval.nn.source import Source


class XVal(nn.Module):
    """Transformer over words and numbers, with a token head and a number head.

    Each position gets logits over all tokens and one value, used where the token is [NUM]. Values
    are fp32 on input and output, whatever the precision of the rest.

    Args:
        vocab: Number of tokens.
        dim: Width of the residual stream.
        depth: Number of transformer blocks.
        heads: Attention heads per block; divides ``dim``.
        mlp_ratio: Hidden width of blocks and heads in units of ``dim``.
        length: Longest text, in tokens.
        causal: Hide later tokens from earlier ones; the output then predicts the next token.
        scales: Scales of the further number directions of ``NumberEmbedding``; none in the paper.
        final_norm: Norm before the heads; the original has none.
        pointer: Copy numbers of the text, see ``Pointer``; not in the paper.
        quantiles: Quantiles of each value, see ``Quantiles``; none in the paper.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # the architecture's settings
        self,
        vocab: int,
        dim: int = 768,
        depth: int = 6,
        heads: int = 6,
        mlp_ratio: float = 4.0,
        length: int = 1024,
        causal: bool = False,
        scales: Sequence[float] | None = None,
        final_norm: bool = True,
        pointer: bool = False,
        quantiles: int = 0,
    ) -> None:
        super().__init__()
        self.causal = causal
        self.embedding = NumberEmbedding(vocab, dim, length, scales or ())
        self.encoder = Encoder(
            dim, depth, heads, causal, mlp_ratio=mlp_ratio, final_norm=final_norm
        )
        hidden = round(mlp_ratio * dim)
        self.token_head = head(dim, hidden, vocab, bias=False)
        self.number_head = head(dim, hidden, 1, bias=True)
        self.pointer = Pointer(dim, length) if pointer else None
        self.quantiles = Quantiles(dim, hidden, quantiles) if quantiles else None

    def forward(
        self,
        tokens: Int64[Tensor, "batch time"],
        numbers: Float[Tensor, "batch time"],
        present: Bool[Tensor, "batch time"] | None = None,
        at: Bool[Tensor, "batch time"] | Int64[Tensor, " at"] | None = None,
        source: Source | None = None,
    ) -> tuple[Float[Tensor, "*at vocab"], Float[Tensor, "*at values"]]:
        """Logits and values at all tokens, or at some.

        Args:
            tokens: Token ids.
            numbers: Values where tokens are [NUM]; 1 elsewhere.
            present: False at padding, which then changes no output.
            at: Output positions: a mask, or indices into (batch x time).
            source: Numbers that the pointer may choose, if there is one.

        Returns:
            Logits and values, one row for each token, or for each of ``at``. Behind the value are
            its quantiles, if there are any, and with ``source.wanted`` two losses of the pointer.
        """
        mask = None if present is None else present[:, None]
        x = in_fp32(self.embedding, tokens, numbers)
        x = self.encoder(like_weights(x, self.embedding), mask)
        chosen = x if at is None else x.flatten(0, 1)[at.flatten()]
        values = in_fp32(self.number_head, chosen)
        if self.pointer is not None and source is not None:
            values = self._pointed(values, x, at, source)
        if self.quantiles is not None:
            answer, others = values.tensor_split([1], -1)
            values = torch.cat((answer, in_fp32(self.quantiles, chosen, answer), others), -1)
        return self.token_head(chosen), values

    def source(
        self,
        tokens: Int64[Tensor, "batch time"],
        numbers: Float[Tensor, "batch time"],
        fields: Int64[Tensor, "batch time"],
        units: Transforms,
        wanted: Float[Tensor, "batch time"] | None = None,
    ) -> Source | None:
        """Numbers that an answer may copy; None without a pointer.

        Args:
            tokens: Token ids, with masks in the place of hidden numbers.
            numbers: Numbers in their original units.
            fields: Field of each number.
            units: Normalization of the fields.
            wanted: The hidden numbers as well, normalized, if the pointer is to be trained.

        Returns:
            The numbers that are shown.
        """
        if self.pointer is None:
            return None
        return Source(numbers.where(tokens == NUM, torch.nan), fields, units, wanted)

    def _pointed(self, values: Tensor, x: Tensor, at: Tensor | None, source: Source) -> Tensor:
        assert self.pointer is not None
        every = torch.arange(x.shape[0] * x.shape[1], device=x.device)
        places = every if at is None else every[at.flatten()]
        positions = self.embedding.positions.weight[: x.shape[1]]
        found = in_fp32(self.pointer, values.reshape(-1, 1), x, positions, places, source)
        return found.unflatten(0, values.shape[:-1])


def head(dim: int, hidden: int, out: int, bias: bool) -> nn.Sequential:
    """Two linear layers with a GELU between them."""
    return nn.Sequential(nn.Linear(dim, hidden, bias), nn.GELU(), nn.Linear(hidden, out, bias))
