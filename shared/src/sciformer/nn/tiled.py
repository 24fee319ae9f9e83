"""Attention written out tile by tile: on a CPU faster than torch's fused kernels.

A tile is a few heads and, if causal, a block of queries: its scores stay in the cache from the
product that makes them to the one that uses them up, and keys that no query of the block may see
are never touched. The weights are kept for the backward pass, as autograd keeps them for the plain
formula. All products are in place or ``out=``, which autocast leaves alone.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

# Measured on Zen 5 (1 MiB L2, 32 MiB L3) for T = 128 and 512, head_dim = 32 and 64. Tiles of 1 and
# 4 MiB are up to 10 % slower; blocks half as long 10 % in bf16, twice as long 6 % in fp32.
TILE_BYTES = 2 << 20
CAUSAL_BLOCK_BYTES = 256  # of one column: 64 queries in fp32, 128 in bf16


class Tile(NamedTuple):
    """The part of the scores that is worked on at a time."""

    rows: slice  # of the flattened batch and heads
    batch: slice
    heads: slice
    queries: slice
    keys: slice


def tiled_attention(
    q: Float[Tensor, "batch heads time_q head_dim"],
    k: Float[Tensor, "batch heads time_k head_dim"],
    v: Float[Tensor, "batch heads time_k value_dim"],
    fill: Float[Tensor, "#batch #heads #time_q #time_k"] | None,
    scale: float,
    causal: bool,
) -> Float[Tensor, "batch heads time_q value_dim"]:
    """Compute ``softmax(scale q k^T + fill) v``.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        fill: Added to the scores: -inf where a key is hidden, but not in all of a row.
        scale: Of the scores.
        causal: Whether ``fill`` hides later keys; they are then skipped.
    """
    batch, heads, time_q, _ = q.shape
    tiles = list(cut(batch, heads, time_q, k.shape[2], q.element_size(), causal))
    flat = q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1)
    if needs_grad(q, k, v, fill):
        out = TiledAttention.apply(*flat, fill, scale, tiles)
    else:
        out = forward_tiles(*flat, fill, scale, tiles)
    return out.unflatten(0, (batch, heads))


def cut(
    batch: int, heads: int, time_q: int, time_k: int, size: int, causal: bool
) -> Iterator[Tile]:
    """Yield the tiles: whole samples if several fit into one, else some heads of one sample."""
    block = -(-time_q // causal_blocks(time_q, size)) if causal else time_q
    fit = max(1, TILE_BYTES * torch.get_num_threads() // (block * time_k * size))
    some, few = (fit // heads, heads) if fit >= heads else (1, fit)
    for b in range(0, batch, some):
        b_end = min(b + some, batch)
        for h in range(0, heads, few):
            h_end = min(h + few, heads)
            rows = slice(b * heads + h, (b_end - 1) * heads + h_end)
            for t in range(0, time_q, block):
                t_end = min(t + block, time_q)
                seen = time_k - time_q + t_end if causal else time_k
                yield Tile(rows, slice(b, b_end), slice(h, h_end), slice(t, t_end), slice(0, seen))


def causal_blocks(time: int, size: int) -> int:
    """Return into how many blocks to cut causal queries, of scores of ``size`` bytes."""
    return max(1, time * size // CAUSAL_BLOCK_BYTES)


def needs_grad(*inputs: Tensor | None) -> bool:
    """Tell whether autograd will ask for the gradient of any of them."""
    return torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in inputs)


def forward_tiles(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    fill: Tensor | None,
    scale: float,
    tiles: list[Tile],
    kept: list[Tensor] | None = None,
) -> Tensor:
    """Attend over flattened heads; append the weights of each tile to ``kept``."""
    out = q.new_empty(*q.shape[:2], v.shape[2])
    for rows, batch, heads, queries, keys in tiles:
        q_tile, k_tile = q[rows, queries], k[rows, keys].mT
        scores = q.new_empty(*q_tile.shape[:2], k_tile.shape[2])
        if fill is None:
            product(q_tile, k_tile, scores, scale)
        else:
            by_head = scores.view(batch.stop - batch.start, -1, *scores.shape[1:])
            by_head.copy_(part(fill, batch, heads, queries, keys))
            scores.baddbmm_(q_tile, k_tile, alpha=scale)
        torch.softmax(scores, -1, out=scores)  # its statistics are fp32 for bf16 scores
        product(scores, v[rows, keys], out[rows, queries])
        if kept is not None:
            kept.append(scores)
    return out


class TiledAttention(torch.autograd.Function):
    """``forward_tiles`` with its gradients; it can be differentiated once."""

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
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, *weights = ctx.saved_tensors
        scale, tiles, fill = ctx.constants
        grad_q = torch.empty_like(q)
        # Gradients of keys and values are made transposed: then a product never has to transpose
        # the weights, only a narrow matrix (25-35 % of its time at T = 512 in fp32). Blocks of
        # queries add up in fp32.
        blocks = tiles[0].queries.stop < q.shape[1]
        dtype = torch.promote_types(q.dtype, torch.float32) if blocks else q.dtype
        grad_k = k.new_zeros(k.mT.shape, dtype=dtype)
        grad_v = v.new_zeros(v.mT.shape, dtype=dtype)
        grad_fill = None
        if ctx.needs_input_grad[3]:
            grad_fill = torch.zeros(fill[0], dtype=torch.promote_types(fill[1], torch.float32))
        for (rows, batch, heads, queries, keys), weight in zip(tiles, weights, strict=True):
            g, q_tile = grad[rows, queries], q[rows, queries]
            add_product(grad_v[rows, :, keys], g.mT, weight, 1.0, blocks)
            g_scores = product(g, v[rows, keys].mT, torch.empty_like(weight))
            torch._softmax_backward_data(g_scores, weight, -1, weight.dtype, grad_input=g_scores)
            product(g_scores, k[rows, keys], grad_q[rows, queries], scale)
            add_product(grad_k[rows, :, keys], q_tile.mT, g_scores, scale, blocks)
            if grad_fill is not None:
                by_head = g_scores.view(batch.stop - batch.start, -1, *g_scores.shape[1:])
                place = part(grad_fill, batch, heads, queries, keys)
                place += by_head.sum_to_size(place.shape)
        grads = grad_q, grad_k.mT.to(k.dtype), grad_v.mT.to(v.dtype)
        return *grads, None if grad_fill is None else grad_fill.to(fill[1]), None, None


def product(a: Tensor, b: Tensor, out: Tensor, scale: float = 1.0) -> Tensor:
    """Write ``scale a b`` to ``out``."""
    # beta = 0: out is not read. In fp32 MKL takes a faster way here than under bmm.
    return torch.baddbmm(out, a, b, beta=0, alpha=scale, out=out)


def add_product(total: Tensor, a: Tensor, b: Tensor, scale: float, blocks: bool) -> None:
    """Add ``scale a b`` to ``total``, or write it there if there is but one block."""
    if not blocks:
        product(a, b, total, scale)
    elif total.dtype == a.dtype:
        total.baddbmm_(a, b, alpha=scale)
    else:
        total += product(a, b, torch.empty_like(total, dtype=a.dtype), scale)


def part(x: Tensor, *place: slice) -> Tensor:
    """Slice a tensor that broadcasts: its axes of size 1 stay whole."""
    return x[tuple(slice(None) if n == 1 else s for n, s in zip(x.shape, place, strict=True))]
