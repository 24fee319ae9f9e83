import pytest
import torch

from sciformer.nn import tiled_attention as tiled
from sciformer.nn.attention import formula
from sciformer.nn.tiled_attention import cut, tiled_attention

INF = float("inf")
SIZES = [1, 1 << 9, 1 << 12, 1 << 14, 1 << 30]  # bytes of a tile: one row of scores, ..., all
# Relative to the largest element: a few roundings, of 2^-24 and 2^-8.
TOLERANCE = {torch.float32: 3e-6, torch.bfloat16: 3e-2}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def draw(dtype, *sizes, dim=16):
    """Draw queries, keys and values of ``sizes``: batch, heads, time_q, time_k."""
    batch, heads, time_q, time_k = sizes
    shapes = [(time_q, dim), (time_k, dim), (time_k, 8)]
    return [torch.randn(batch, heads, *shape).to(dtype).requires_grad_() for shape in shapes]


def later(time_q, time_k):
    return torch.full((1, 1, time_q, time_k), -INF).triu(1 + time_k - time_q)


@pytest.mark.parametrize("tile_bytes", SIZES)
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (5, 3, 13, 13), (2, 8, 7, 20), (3, 1, 64, 64)])
@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_the_tiles_hold_what_a_query_sees_once(tile_bytes, sizes, causal, monkeypatch):
    monkeypatch.setattr(tiled, "TILE_BYTES", tile_bytes)
    monkeypatch.setattr(tiled, "CAUSAL_BLOCK_BYTES", 20)  # 5 queries
    batch, heads, time_q, time_k = sizes
    times = torch.zeros(sizes, dtype=torch.int)
    tiles = cut(*sizes, 4, causal)
    for tile in tiles:
        times[tile.batch, tile.heads, tile.queries, tile.keys] += 1
        rows = torch.arange(batch * heads).view(batch, heads)[tile.batch, tile.heads]
        assert torch.equal(torch.arange(batch * heads)[tile.rows], rows.flatten())
        one = (tile.queries.stop - tile.queries.start) * time_k * 4
        assert len(rows.flatten()) == 1 or len(rows.flatten()) * one <= tile_bytes
        assert tile.whole == (len(tiles) == 1)
        hidden = time_q - tile.queries.stop if causal else 0  # from the last query of the block
        assert tile.keys == slice(0, time_k - hidden)
    assert times.max() == 1
    assert times[..., :1].min() == 1  # every query has its tile


@pytest.mark.parametrize("threads", [1, 2])
def test_more_threads_share_longer_blocks(threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    tiles = cut(1, 1, 512, 512, 4, True)
    assert [tile.queries.stop for tile in tiles] == list(range(64 * threads, 513, 64 * threads))
    assert [tile.keys.stop for tile in tiles] == [tile.queries.stop for tile in tiles]


@pytest.mark.parametrize("tile_bytes", SIZES)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("fill", ["none", "causal", "heads", "samples"])
def test_tiles_of_every_size_give_the_formula_and_its_gradients(
    tile_bytes, dtype, fill, monkeypatch
):
    monkeypatch.setattr(tiled, "TILE_BYTES", tile_bytes)
    monkeypatch.setattr(tiled, "CAUSAL_BLOCK_BYTES", 20)
    inputs = draw(dtype, 3, 4, 17, 21)
    added = {
        "none": None,
        "causal": later(17, 21),
        "heads": torch.randn(1, 4, 17, 21),
        "samples": torch.randn(3, 1, 1, 21),
    }[fill]
    added = added if added is None else added.to(dtype).requires_grad_(fill != "causal")
    out = tiled_attention(*inputs, added, 0.25, causal=fill == "causal")
    learned = inputs if fill in ("none", "causal") else [*inputs, added]
    g = torch.randn_like(out)
    found = [out, *torch.autograd.grad(out, learned, g)]
    wide = [x.detach().double().requires_grad_() for x in learned]
    last = wide[3] if len(wide) == 4 else added
    reference = formula(*wide[:3], last, 0.25)
    expected = [reference, *torch.autograd.grad(reference, wide, g.double())]
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() <= TOLERANCE[dtype] * other.abs().max().clamp(min=1.0)


def test_the_gradients_of_many_blocks_add_up_in_fp32(monkeypatch):
    # Query i gives the first value 1 / (i + 1): a sum kept in bf16 would stop at 4.7, not 6.1.
    monkeypatch.setattr(tiled, "CAUSAL_BLOCK_BYTES", 2)
    q, k, v = (torch.zeros_like(x).requires_grad_() for x in draw(torch.bfloat16, 1, 1, 256, 256))
    out = tiled_attention(q, k, v, later(256, 256).bfloat16(), 1.0, causal=True)
    (found,) = torch.autograd.grad(out, v, torch.ones_like(out))
    expected = (1 / torch.arange(1.0, 257)).sum().expand(8)
    torch.testing.assert_close(found[0, 0, 0].float(), expected, rtol=1e-2, atol=0)


def test_the_gradient_of_a_bias_adds_up_in_fp32(monkeypatch):
    # 1024 heads give the bias of the first key 1 / 2 each: a sum kept in bf16 would stop at 128.
    monkeypatch.setattr(tiled, "TILE_BYTES", 1)
    q, k = torch.zeros(2, 1, 1024, 1, 2, dtype=torch.bfloat16)
    k = k.expand(1, 1024, 2, 2)
    v = torch.tensor([[1.0], [-1.0]], dtype=torch.bfloat16).expand(1, 1024, 2, 1)
    bias = torch.zeros(1, 1, 1, 2, dtype=torch.bfloat16, requires_grad=True)
    tiled_attention(q, k, v, bias, 1.0, causal=False).sum().backward()
    assert bias.grad.flatten().tolist() == [512.0, -512.0]


def test_a_second_derivative_is_refused():
    q, k, v = draw(torch.float32, 1, 2, 5, 5)
    out = tiled_attention(q, k, v, None, 1.0, causal=False)
    (grad,) = torch.autograd.grad(out.square().sum(), q, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()
