"""Position encodings: learned, rotary (Su et al. 2021) and ALiBi (Press et al. 2022)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LearnedPositions(nn.Module):
    """Learned position embedding: one vector per position, added to the tokens.

    Raises ``ValueError`` for a sequence that is longer than ``length``.

    Args:
        length: Longest sequence.
        dim: Width of the tokens.
    """

    def __init__(self, length: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(length, dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw from N(0, 0.02^2), as GPT-2 and ViT do."""
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        length, time = len(self.weight), x.shape[1]
        if time > length:
            raise ValueError(f"{time} tokens do not fit into {length} learned positions")
        return x + self.weight[:time]


class Rotary(nn.Module):
    """Rotary position embedding (RoPE): rotate pairs of channels in proportion to the position.

    Channels ``c`` and ``c + head_dim / 2`` at position ``t`` turn by ``t base^(-2 c / head_dim)``,
    so that a product of query and key depends on their distance only (Su et al. 2021, arXiv
    2104.09864, equation 34). Apply it to both. It has no parameters and no maximum length.

    Raises ``ValueError`` for an odd ``head_dim``, or for input of another width.

    Args:
        head_dim: Width of one head; even.
        base: Sets the longest wavelength, ``2 pi base^(1 - 2 / head_dim)`` tokens.
    """

    def __init__(self, head_dim: int, base: float = 10_000.0) -> None:
        super().__init__()
        if head_dim % 2:
            raise ValueError(f"rotary positions turn pairs of channels: head_dim={head_dim} is odd")
        self.head_dim = head_dim
        self.base = base

    def forward(
        self, x: Float[Tensor, "batch heads time head_dim"], offset: int = 0
    ) -> Float[Tensor, "batch heads time head_dim"]:
        if x.shape[-1] != self.head_dim:  # a head_dim of 2 would broadcast
            raise ValueError(f"heads of width {x.shape[-1]} are not of head_dim={self.head_dim}")
        # fp32 at least: in bf16 a position above 256 is already off by one.
        dtype = torch.promote_types(x.dtype, torch.float32)
        time = torch.arange(offset, offset + x.shape[2], device=x.device, dtype=dtype)
        channel = torch.arange(0, self.head_dim, 2, device=x.device, dtype=dtype)
        angle = time[:, None] * self.base ** (-channel / self.head_dim)  # (T, head_dim / 2)
        cos, sin = angle.cos(), angle.sin()
        real, imaginary = x.chunk(2, -1)
        turned = [real * cos - imaginary * sin, imaginary * cos + real * sin]
        return torch.cat(turned, -1).to(x.dtype)


class Alibi(nn.Module):
    """Attention with linear biases: ``-m |i - j|`` with one slope ``m`` per head.

    Press et al. 2022 (arXiv 2108.12409), section 3. Queries are the last of the positions, as in
    ``attend``: query ``i`` is at position ``time_k - time_q + i``.

    Args:
        slopes: One slope per head, see ``alibi_slopes``.
    """

    slopes: Tensor

    def __init__(self, slopes: Sequence[float | int]) -> None:
        super().__init__()
        floats = torch.tensor(slopes, dtype=torch.get_default_dtype())  # of integers too
        self.register_buffer("slopes", floats, persistent=False)

    def forward(self, time_q: int, time_k: int) -> Float[Tensor, "heads {time_q} {time_k}"]:
        device = self.slopes.device
        query = torch.arange(time_k - time_q, time_k, device=device)[:, None]
        distance = (query - torch.arange(time_k, device=device)).abs()
        return distance * -self.slopes[:, None, None]


def alibi_slopes(heads: int) -> list[float]:
    """Slopes of ALiBi, a geometric series: 2^(-8 h / heads) for h = 1 .. heads (Press et al. 2022).

    If ``heads`` is no power of two: the slopes of the next lower power, then every other slope of
    the next higher one (their published code).
    """
    power = 1 << (heads.bit_length() - 1)
    slopes = [2 ** (-8 * (head + 1) / power) for head in range(power)]
    return slopes + [2 ** (-4 * (2 * head + 1) / power) for head in range(heads - power)]
