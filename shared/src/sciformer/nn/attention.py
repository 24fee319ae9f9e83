"""Scaled dot-product and multi-head self-attention; all models compute it by ``attend``."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from sciformer.arguments import ArgumentError
from sciformer.nn.attention_path import computed_in_fp32, fastest
from sciformer.nn.position import Alibi, Rotary
from sciformer.nn.sites import WATCHERS, watched, written_out
from sciformer.nn.tiled_attention import needs_grad, tiled_attention

INF = float("inf")


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
    """Scaled dot-product attention: average ``v`` with weights ``softmax(scale q k^T + bias)``.

    A query with no visible key gets zeros. Causal queries are the last of the positions: query
    ``i`` sees the keys ``j <= i + time_k - time_q``. Under autocast, ``q``, ``k`` and ``v`` are
    cast to its dtype.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        causal: Hide later keys from earlier queries.
        mask: True where a query may attend to a key; broadcasts to (batch, heads, q, k).
        bias: Added to the scores; broadcasts likewise. Differentiable.
        scale: Factor of the scores; 1 / sqrt(head_dim) unless given.

    Returns:
        One vector per query, in the dtype of ``q``, or of autocast.
    """
    q, k, v = autocast(q, k, v)
    if computed_in_fp32(q, k, v, bias):
        with torch.autocast("cpu", enabled=False):
            wide = (x.float() for x in (q, k, v))
            return attend(*wide, causal=causal, mask=mask, bias=bias, scale=scale).to(q.dtype)
    factor: float = q.shape[-1] ** -0.5 if scale is None else scale
    time_q, time_k = q.shape[2], k.shape[2]
    causal = causal and time_q > 1  # the last query sees every key
    if WATCHERS and watched():
        return written_out(q, k, v, merge_masks(q, k, causal, mask, bias), factor)
    path = fastest(q, k, v, bias, causal, masked=mask is not None)
    if path == "fused" and mask is None and bias is None and (time_q == time_k or not causal):
        return scaled_dot_product_attention(q, k, v, is_causal=causal, scale=factor)
    fill = merge_masks(q, k, causal, mask, bias)
    if path == "fused":
        assert fill is not None  # there is a mask, a bias, or causality
        return fused(q, k, v, fill, factor)
    empty = None
    if mask is not None or (causal and time_q > time_k) or (bias is not None and hides(bias)):
        assert fill is not None
        fill, empty = open_empty_rows(fill)
    if path == "formula":
        out = formula(q, k, v, fill, factor)
    else:
        out = tiled_attention(q, k, v, fill, factor, causal and time_q <= time_k)
    return out if empty is None else out.masked_fill(empty, 0.0)


def autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Cast tensors to autocast's dtype where it is on, as torch's own attention does."""
    first = tensors[0]
    device = "cpu" if first.is_cpu else first.device.type  # is_cpu: 5 us less, of some 700
    if not torch.is_autocast_enabled(device) or first.dtype == torch.float64:
        return tensors
    dtype = torch.get_autocast_dtype(device)
    return tuple(tensor.to(dtype) for tensor in tensors)


def merge_masks(
    q: Tensor, k: Tensor, causal: bool, mask: Tensor | None, bias: Tensor | None
) -> Tensor | None:
    """Additive mask: the bias, and -inf where a key is hidden."""
    fill = bias
    if causal:
        time_q, time_k = q.shape[2], k.shape[2]
        future = torch.full((time_q, time_k), -INF, dtype=q.dtype, device=q.device)
        future = future.triu_(1 + time_k - time_q)
        fill = future if fill is None else fill + future
    if mask is not None:
        fill = q.new_zeros(()) if fill is None else fill
        fill = fill.masked_fill(~mask, -INF)
    if fill is None or fill.ndim == 4:
        return fill
    return fill.view((1,) * (4 - fill.ndim) + fill.shape)


def hides(bias: Tensor) -> bool:
    """Whether a bias hides any key (-inf). CPU only: reading a value would block a GPU."""
    return bias.detach().min().item() == -INF  # less overhead than amin and float


def open_empty_rows(fill: Tensor) -> tuple[Tensor, Tensor]:
    """Unmask the rows that hide all keys, so that softmax stays finite; return them too."""
    empty = fill.detach().amax(-1, keepdim=True) == -INF
    return fill.masked_fill(empty, 0.0), empty


def fused(q: Tensor, k: Tensor, v: Tensor, fill: Tensor, scale: float) -> Tensor:
    """Call torch's SDPA with an additive mask: on CUDA, its memory-efficient kernel.

    FlexAttention would need compilation for each new shape inside an eager model.
    """
    if q.is_cpu:  # its kernel gives zeros for an empty row
        return scaled_dot_product_attention(q, k, v, attn_mask=fill.to(q.dtype), scale=scale)
    fill, empty = open_empty_rows(fill)
    out = scaled_dot_product_attention(q, k, v, attn_mask=fill.to(q.dtype), scale=scale)
    return out.masked_fill(empty, 0.0)


def formula(q: Tensor, k: Tensor, v: Tensor, fill: Tensor | None, scale: float) -> Tensor:
    """Attention as three plain calls: the least overhead where there are few scores."""
    batch, heads, time_q, _ = q.shape
    q, k, v = q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1)
    training = needs_grad(q, k, v, fill)
    if training:
        q, scale = q * scale, 1.0  # else autograd multiplies two gradients by it, not one
    if fill is not None:
        scores = q.new_empty(q.shape[0], time_q, k.shape[1])
        scores.view(batch, heads, *scores.shape[1:]).copy_(fill.to(q.dtype))
        scores.baddbmm_(q, k.mT, alpha=scale)
    elif training:
        scores = torch.bmm(q, k.mT)
    else:  # beta = 0: the scores are written, whatever they were
        scores = torch.baddbmm(q.new_empty(1), q, k.mT, beta=0, alpha=scale)
    out = None if training else scores
    return torch.bmm(torch.softmax(scores, -1, out=out), v).view(batch, heads, time_q, v.shape[2])


class SelfAttention(nn.Module):
    """Multi-head self-attention.

    Args:
        dim: Width of the tokens.
        heads: Number of heads; divides ``dim``.
        causal: Hide later tokens from earlier ones.
        qk_norm: Normalize queries and keys per head, which bounds the scores.
        rotary: Apply rotary position embedding to queries and keys.
        alibi: Add ALiBi's linear distance biases to the scores.
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
        (x,) = autocast(x)  # once, not in each of three layers
        return self.out(merge(self.mix(x, split(self.value(x), self.heads), mask)))

    def mix(self, x: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """Average values of any width with the attention weights of the tokens."""
        q, k = self.query_key(x)
        bias = None if self.alibi is None else self.alibi(x.shape[1], x.shape[1])
        mask = None if mask is None else mask[:, None]
        return attend(q, k, v, causal=self.causal, mask=mask, bias=bias)

    def query_key(
        self, x: Float[Tensor, "batch time dim"]
    ) -> tuple[
        Float[Tensor, "batch heads time head_dim"], Float[Tensor, "batch heads time head_dim"]
    ]:
        """Queries and keys as they enter the scores: normalized and rotated."""
        q = self.query_norm(split(self.query(x), self.heads))
        k = self.key_norm(split(self.key(x), self.heads))
        return (q, k) if self.rotary is None else (self.rotary(q), self.rotary(k))

    def weights(
        self,
        x: Float[Tensor, "batch time dim"],
        mask: Bool[Tensor, "#batch #time time"] | None = None,
    ) -> Float[Tensor, "batch heads time time"]:
        """Attention weights, for figures; ``forward`` does not keep them."""
        eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        return self.mix(x, eye.expand(x.shape[0], self.heads, -1, -1), mask)


def divide(dim: int, heads: int) -> int:
    """Width of one head; ``ValueError`` if ``heads`` does not divide ``dim``."""
    if min(dim, heads) < 1 or dim % heads:
        raise ArgumentError("heads", f"{heads} does not divide dim={dim}")
    return dim // heads


def split(
    x: Float[Tensor, "batch time dim"], heads: int
) -> Float[Tensor, "batch {heads} time head_dim"]:
    """Split channels into heads."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge(x: Float[Tensor, "batch heads time head_dim"]) -> Float[Tensor, "batch time dim"]:
    """Merge heads into channels: the inverse of ``split``."""
    return x.transpose(1, 2).flatten(2)
