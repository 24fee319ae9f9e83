"""Tiled attention on a CPU: faster than torch's fused kernels.

A tile is a few heads and, if causal, a block of queries. Its scores stay in the cache from the
product that makes them to the one that uses them, and keys that no query of the block may see are
skipped. The weights are kept for the backward pass, as autograd keeps them for the plain formula.
All products are in place or ``out=``, which autocast leaves alone.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

# Per thread, measured on Zen 4 (1 MiB L2, 32 MiB L3) for T = 128 and 512, head_dim = 32 and 64:
# tiles of half and twice the size are up to 10 % slower; causal blocks of half the length 10 % in
# bf16, of twice the length 6 % in fp32. Two threads take twice the time over blocks meant for one.
TILE_BYTES = 2 << 20
CAUSAL_BLOCK_BYTES = 256  # of one column: 64 queries in fp32, 128 in bf16


class Tile(NamedTuple):
    """Block of the attention scores that is computed at a time."""

    whole: bool
    rows: slice  # of the flattened batch and heads
    batch: slice
    heads: slice
    queries: slice
    keys: slice

    def of_queries(self, x: Tensor) -> Tensor:
        """Rows of this tile's queries."""
        return x if self.whole else x[self.rows, self.queries]

    def of_keys(self, x: Tensor) -> Tensor:
        """Rows of this tile's keys."""
        return x if self.whole else x[self.rows, self.keys]

    def of_columns(self, x: Tensor) -> Tensor:
        """Columns of this tile's keys."""
        return x if self.whole else x[self.rows, :, self.keys]

    def of_scores(self, x: Tensor) -> Tensor:
        """Slice what broadcasts to (batch, heads, queries, keys); size-1 axes stay whole."""
        place = zip(x.shape, self[2:], strict=True)
        return x[tuple(slice(None) if size == 1 else part for size, part in place)]

    def by_head(self, scores: Tensor) -> Tensor:
        """View the scores of this tile as (batch, heads, queries, keys)."""
        return scores.view(self.batch.stop - self.batch.start, -1, *scores.shape[1:])


def tiled_attention(
    q: Float[Tensor, "batch heads time_q head_dim"],
    k: Float[Tensor, "batch heads time_k head_dim"],
    v: Float[Tensor, "batch heads time_k value_dim"],
    fill: Float[Tensor, "#batch #heads #time_q #time_k"] | None,
    scale: float,
    causal: bool,
) -> Float[Tensor, "batch heads time_q value_dim"]:
    """Compute ``softmax(scale q k^T + fill) v``; supports first derivatives only.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        fill: Added to the scores: -inf where a key is hidden. No row may be all -inf.
        scale: Factor of the scores.
        causal: Whether ``fill`` hides later keys; they are then skipped.

    Returns:
        One vector per query.
    """
    batch, heads, time_q, _ = q.shape
    tiles = cut(batch, heads, time_q, k.shape[2], q.element_size(), causal)
    inputs = q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), fill, scale, tiles
    training = needs_grad(q, k, v, fill)
    out = TiledAttention.apply(*inputs) if training else forward_tiles(*inputs)
    return out.view(batch, heads, time_q, v.shape[3])


def cut(batch: int, heads: int, time_q: int, time_k: int, size: int, causal: bool) -> list[Tile]:
    """Tiles of the scores: several whole samples where they fit, else some heads of one sample."""
    block = -(-time_q // causal_blocks(time_q, size)) if causal else time_q
    fit = max(1, TILE_BYTES * torch.get_num_threads() // (block * time_k * size))
    some, few = (fit // heads, heads) if fit >= heads else (1, fit)
    whole = some >= batch and few >= heads and block >= time_q
    tiles = []
    for b in range(0, batch, some):
        b_end = min(b + some, batch)
        for h in range(0, heads, few):
            h_end = min(h + few, heads)
            rows = slice(b * heads + h, (b_end - 1) * heads + h_end)
            for t in range(0, time_q, block):
                t_end = min(t + block, time_q)
                keys = slice(0, time_k - time_q + t_end if causal else time_k)
                where = rows, slice(b, b_end), slice(h, h_end), slice(t, t_end), keys
                tiles.append(Tile(whole, *where))
    return tiles


def causal_blocks(time: int, size: int) -> int:
    """Number of query blocks for causal scores of ``size`` bytes."""
    return max(1, time * size // (CAUSAL_BLOCK_BYTES * torch.get_num_threads()))


def needs_grad(*inputs: Tensor | None) -> bool:
    """Whether autograd needs the gradient of any of them."""
    if not torch.is_grad_enabled():
        return False
    return any(x is not None and x.requires_grad for x in inputs)


def forward_tiles(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    fill: Tensor | None,
    scale: float,
    tiles: list[Tile],
    kept: list[Tensor] | None = None,
) -> Tensor:
    """Attention over flattened heads; appends the weights of each tile to ``kept``."""
    batch, heads = tiles[-1].batch.stop, tiles[-1].heads.stop
    if fill is not None:
        fill = fill.expand(batch, heads, q.shape[1], k.shape[1])
    out = q.new_empty(q.shape[0], q.shape[1], v.shape[2])
    for tile in tiles:
        q_tile, k_tile = tile.of_queries(q), tile.of_keys(k).mT
        scores = q.new_empty(q_tile.shape[0], q_tile.shape[1], k_tile.shape[2])
        if fill is None:
            product(q_tile, k_tile, scores, scale)
        else:
            tile.by_head(scores).copy_(tile.of_scores(fill))
            scores.baddbmm_(q_tile, k_tile, alpha=scale)
        torch.softmax(scores, -1, out=scores)  # its statistics are fp32 for bf16 scores
        product(scores, tile.of_keys(v), tile.of_queries(out))
        if kept is not None:
            kept.append(scores)
    return out


class TiledAttention(torch.autograd.Function):
    """``forward_tiles`` with its gradients."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  # named, not *args
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        fill: Tensor | None,
        scale: float,
        tiles: list[Tile],
    ) -> Tensor:
        weights: list[Tensor] = []
        out = forward_tiles(q, k, v, fill, scale, tiles, weights)
        ctx.save_for_backward(q, k, v, *weights)
        ctx.constants = scale, tiles, None if fill is None else (fill.shape, fill.dtype)
        return out

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # named, not *args
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        q, k, v, *weights = ctx.saved_tensors
        scale, tiles, fill = ctx.constants
        grad_q = torch.empty_like(q)
        # Gradients of keys and values are made transposed: then a product never has to transpose
        # the weights, only a narrow matrix (25-35 % of its time at T = 512 in fp32). Blocks of
        # queries add up in fp32.
        blocks = tiles[0].queries.stop < q.shape[1]
        make, dtype = torch.empty, q.dtype
        if blocks:
            make, dtype = torch.zeros, torch.promote_types(q.dtype, torch.float32)
        grad_k = make(k.mT.shape, dtype=dtype)
        grad_v = make(v.mT.shape, dtype=dtype)
        grad_fill = None
        if ctx.needs_input_grad[3]:
            grad_fill = torch.zeros(fill[0], dtype=torch.promote_types(fill[1], torch.float32))
        for tile, weight in zip(tiles, weights, strict=True):
            g, q_tile = tile.of_queries(grad), tile.of_queries(q)
            add_product(tile.of_columns(grad_v), g.mT, weight, 1.0, blocks)
            g_scores = product(g, tile.of_keys(v).mT, torch.empty_like(weight))
            torch.ops.aten._softmax_backward_data(
                g_scores, weight, -1, weight.dtype, grad_input=g_scores
            )
            product(g_scores, tile.of_keys(k), tile.of_queries(grad_q), scale)
            add_product(tile.of_columns(grad_k), q_tile.mT, g_scores, scale, blocks)
            if grad_fill is not None:
                place = tile.of_scores(grad_fill)
                place += tile.by_head(g_scores).sum_to_size(place.shape)
        grads = grad_q, grad_k.mT.to(k.dtype), grad_v.mT.to(v.dtype)
        return *grads, None if grad_fill is None else grad_fill.to(fill[1]), None, None


def product(a: Tensor, b: Tensor, out: Tensor, scale: float = 1.0) -> Tensor:
    """Write ``scale a b`` to ``out``."""
    # beta = 0: out is not read. In fp32 MKL takes a faster way here than under bmm.
    return torch.baddbmm(out, a, b, beta=0, alpha=scale, out=out)


def add_product(total: Tensor, a: Tensor, b: Tensor, scale: float, blocks: bool) -> None:
    """Add ``scale a b`` to ``total``, or overwrite it if there is only one block."""
    if not blocks:
        product(a, b, total, scale)
    elif total.dtype == a.dtype:
        total.baddbmm_(a, b, alpha=scale)
    else:
        total += product(a, b, a.new_empty(total.shape), scale)
