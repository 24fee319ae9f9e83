"""Attention: ``attend`` is the one path that every model takes; the modules project around it."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sciformer.nn.position import Alibi, Rotary


def attend(
    q: Float[Tensor, "batch heads time_q head_dim"],
    k: Float[Tensor, "batch heads time_k head_dim"],
    v: Float[Tensor, "batch heads time_k value_dim"],
    *,
    causal: bool = False,
    mask: Bool[Tensor, "*#scores"] | None = None,
    bias: Float[Tensor, "*#scores"] | None = None,
    scale: float | None = None,
) -> Float[Tensor, "batch heads time_q value_dim"]:
    """Average ``v`` with the weights ``softmax(scale q k^T + bias)``.

    A query that may attend to nothing gets zeros. Causal queries are the last of the positions:
    query ``i`` sees the keys ``j <= i + time_k - time_q``, so one query against a cache sees all.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        causal: Hide later keys from earlier queries.
        mask: True where a query may attend to a key; broadcasts to (batch, heads, q, k).
        bias: Added to the scores; broadcasts likewise. Differentiable.
        scale: Of the scores; 1 / sqrt(head_dim) unless given.
    """
    q, k, v = autocast(q, k, v)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    causal = causal and q.shape[2] > 1  # the last query sees every key
    fill, empty = merge_masks(q, k, causal, mask, bias)
    if prefer_tiles(q, k, v, fill, causal):
        out = tiled_attention(q, k, v, fill, scale, causal and empty is None)
    return out if empty is None else out.masked_fill(empty, 0.0)


def autocast(*inputs: Tensor) -> tuple[Tensor, ...]:
    """Cast to the dtype of autocast where it is on: what it does for torch's own attention."""
    device = inputs[0].device.type
    if not torch.is_autocast_enabled(device) or inputs[0].dtype == torch.float64:
        return inputs
    dtype = torch.get_autocast_dtype(device)
    return tuple(x.to(dtype) for x in inputs)


class SelfAttention(nn.Module):
    """Multi-head attention of a sequence to itself.

    Args:
        dim: Width of the tokens.
        heads: Number of heads; divides ``dim``.
        causal: Hide later tokens from earlier ones.
        qk_norm: Normalize queries and keys per head, which bounds the scores.
        rotary: Rotary positions of queries and keys.
        alibi: Linear biases of the scores.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        causal: bool = False,
        *,
        qk_norm: bool = False,
        rotary: Rotary | None = None,
        alibi: Alibi | None = None,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        head_dim = divide(dim, heads)
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        self.query_norm = nn.LayerNorm(head_dim) if qk_norm else nn.Identity()
        self.key_norm = nn.LayerNorm(head_dim) if qk_norm else nn.Identity()
        self.rotary = rotary
        self.alibi = alibi

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        mask: Bool[Tensor, "#batch #time time"] | None = None,
    ) -> Float[Tensor, "batch time dim"]:
        q, k = self.query_key(x)
        v = split(self.value(x), self.heads)
        bias = None if self.alibi is None else self.alibi(x.shape[1], x.shape[1])
        mask = None if mask is None else mask[:, None]
        return self.out(merge(attend(q, k, v, causal=self.causal, mask=mask, bias=bias)))

    def query_key(
        self, x: Float[Tensor, "batch time dim"]
    ) -> tuple[
        Float[Tensor, "batch heads time head_dim"], Float[Tensor, "batch heads time head_dim"]
    ]:
        """Queries and keys as the scores see them: normalized and rotated."""
        q = self.query_norm(split(self.query(x), self.heads))
        k = self.key_norm(split(self.key(x), self.heads))
        return (q, k) if self.rotary is None else (self.rotary(q), self.rotary(k))

    def weights(
        self,
        x: Float[Tensor, "batch time dim"],
        mask: Bool[Tensor, "#batch #time time"] | None = None,
    ) -> Float[Tensor, "batch heads time time"]:
        """Return the attention weights, for pictures: forward never writes them out."""
        q, k = self.query_key(x)
        bias = None if self.alibi is None else self.alibi(x.shape[1], x.shape[1])
        mask = None if mask is None else mask[:, None]
        eye = torch.eye(x.shape[1], dtype=q.dtype, device=q.device).expand(*q.shape[:2], -1, -1)
        return attend(q, k, eye, causal=self.causal, mask=mask, bias=bias)


class CrossAttention(nn.Module):
    """Multi-head attention of one sequence to another, its context.

    Args:
        dim: Width of the tokens that ask.
        heads: Number of heads; divides ``dim``.
        context_dim: Width of the tokens that answer; ``dim`` unless given.
        qk_norm: Normalize queries and keys per head, which bounds the scores.
    """

    def __init__(
        self, dim: int, heads: int, *, context_dim: int | None = None, qk_norm: bool = False
    ) -> None:
        super().__init__()
        self.heads = heads
        head_dim = divide(dim, heads)
        context_dim = dim if context_dim is None else context_dim
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(context_dim, dim)
        self.value = nn.Linear(context_dim, dim)
        self.out = nn.Linear(dim, dim)
        self.query_norm = nn.LayerNorm(head_dim) if qk_norm else nn.Identity()
        self.key_norm = nn.LayerNorm(head_dim) if qk_norm else nn.Identity()

    def forward(
        self,
        x: Float[Tensor, "batch time_q dim"],
        context: Float[Tensor, "batch time_k context_dim"],
        mask: Bool[Tensor, "#batch #time_q time_k"] | None = None,
    ) -> Float[Tensor, "batch time_q dim"]:
        q = self.query_norm(split(self.query(x), self.heads))
        k = self.key_norm(split(self.key(context), self.heads))
        v = split(self.value(context), self.heads)
        mask = None if mask is None else mask[:, None]
        return self.out(merge(attend(q, k, v, mask=mask)))


def divide(dim: int, heads: int) -> int:
    """Return the width of one head, or raise ``ValueError``."""
    if min(dim, heads) < 1 or dim % heads:
        raise ValueError(f"heads={heads} does not divide dim={dim}")
    return dim // heads


def split(
    x: Float[Tensor, "batch time dim"], heads: int
) -> Float[Tensor, "batch {heads} time head_dim"]:
    """Cut the channels into heads."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge(x: Float[Tensor, "batch heads time head_dim"]) -> Float[Tensor, "batch time dim"]:
    """Undo ``split``."""
    return x.transpose(1, 2).flatten(2)
