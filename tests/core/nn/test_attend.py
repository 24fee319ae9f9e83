import itertools

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from sciformer.nn import attention, tiled
from sciformer.nn.attention import attend, formula, fused, merge_masks
from sciformer.nn.position import Alibi, alibi_slopes
from sciformer.nn.tiled import tiled_attention

# Relative to the largest element: a few roundings, of 2^-53, 2^-24 and 2^-8.
TOLERANCE = {torch.float64: 1e-14, torch.float32: 3e-6, torch.bfloat16: 3e-2}
PATHS = ["fused", "formula", "tiled"]
MASKS = ["none", "keys", "scores"]
SHAPES = [(1, 1), (7, 7), (67, 67), (5, 40), (40, 5), (1, 40)]  # (time_q, time_k)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def path(request, monkeypatch):
    """Take one path whatever the shape, with tiles that cut everything into pieces."""
    monkeypatch.setattr(attention, "fastest", lambda *_: request.param)
    monkeypatch.setattr(tiled, "TILE_BYTES", 1 << 12)
    monkeypatch.setattr(tiled, "CAUSAL_BLOCK_BYTES", 40)
    return request.param


def draw(dtype=torch.float32, time_q=7, time_k=None, batch=2, heads=3):
    time_k = time_q if time_k is None else time_k
    sizes = [(time_q, 16), (time_k, 16), (time_k, 8)]
    return [torch.randn(batch, heads, *size).to(dtype).requires_grad_() for size in sizes]


def exact(q, k, v, causal=False, mask=None, bias=None, scale=None):
    """The formula in float64; a row with nothing to attend to gives zeros."""
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    scores = scores if bias is None else scores + bias
    seen = torch.ones(scores.shape[-2:], dtype=torch.bool)
    if causal:
        seen = seen.tril(k.shape[2] - q.shape[2])
    seen = seen if mask is None else seen & mask
    scores = scores.masked_fill(~seen, float("-inf"))
    empty = (scores == float("-inf")).all(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(empty, 0.0), -1).masked_fill(empty, 0.0)
    return weights @ v


def assert_exact(inputs, causal=False, mask=None, bias=None):
    """Compare output and gradients, and the output without gradients, with ``exact``."""
    inputs = inputs if bias is None else [*inputs, bias]
    q, k, v = inputs[:3]
    out = attend(q, k, v, causal=causal, mask=mask, bias=bias)
    g = torch.randn_like(out)
    results = [out, *torch.autograd.grad(out, inputs, g)]
    with torch.no_grad():
        results.append(attend(q, k, v, causal=causal, mask=mask, bias=bias))
    doubles = [x.detach().double().requires_grad_() for x in inputs]
    expected = exact(*doubles[:3], causal, mask, None if bias is None else doubles[3])
    references = [expected, *torch.autograd.grad(expected, doubles, g.double()), expected]
    for result, reference in zip(results, references, strict=True):
        error = (result - reference).abs().max() / reference.abs().max().clamp(min=1.0)
        assert error <= TOLERANCE[q.dtype]


@pytest.mark.parametrize("path", PATHS, indirect=True)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_every_path_is_the_formula_with_its_gradients(path, dtype, causal):
    for sizes, kind, biased in itertools.product(SHAPES, MASKS, (False, True)):
        bias = torch.randn(3, *sizes).to(dtype).requires_grad_() if biased else None
        assert_exact(draw(dtype, *sizes), causal, draw_mask(kind, *sizes), bias)


def draw_mask(kind, time_q, time_k):
    """Draw a mask that leaves rows empty, certainly if time_k = 1."""
    shape = {"keys": (2, 1, 1, time_k), "scores": (2, 1, time_q, time_k)}.get(kind)
    return None if shape is None else torch.rand(shape) > 0.6


@pytest.mark.parametrize("path", PATHS, indirect=True)
@pytest.mark.parametrize("shape", [(3, 5, 6), (1, 5, 1), (2, 1, 5, 6), (2, 3, 1, 1), (5, 6), (6,)])
def test_a_bias_broadcasts_and_its_gradient_has_its_shape(path, shape):
    assert_exact(draw(time_q=5, time_k=6), bias=torch.randn(shape, requires_grad=True))


@pytest.mark.parametrize("path", PATHS, indirect=True)
def test_a_float32_bias_goes_with_half_precision(path):
    assert_exact(draw(torch.bfloat16), causal=True, bias=torch.randn(3, 7, 7, requires_grad=True))


@pytest.mark.parametrize("path", PATHS, indirect=True)
@pytest.mark.parametrize("by", ["mask", "bias", "bias of the past"])
def test_a_row_with_nothing_to_attend_to_gives_zeros_and_no_gradient(path, by):
    q, k, v = draw(time_q=6)
    mask = torch.ones(6, 6, dtype=torch.bool)
    mask[2] = False
    bias = torch.zeros(6, 6).masked_fill(~mask, float("-inf"))
    if by == "bias of the past":
        bias = torch.zeros(6, 6)
        bias[2, :3] = float("-inf")
    given = {"mask": mask} if by == "mask" else {"bias": bias}
    out = attend(q, k, v, causal=by == "bias of the past", **given)
    grads = torch.autograd.grad(out.sum(), (q, k, v))
    assert torch.equal(out[:, :, 2], torch.zeros(2, 3, 8))
    assert torch.equal(grads[0][:, :, 2], torch.zeros(2, 3, 16))
    assert all(x.isfinite().all() for x in (out, *grads))


@pytest.mark.parametrize("path", PATHS, indirect=True)
def test_all_rows_may_be_empty(path):
    q, k, v = draw()
    out = attend(q, k, v, mask=torch.zeros(2, 1, 1, 7, dtype=torch.bool))
    grads = torch.autograd.grad(out.sum(), (q, k, v))
    assert all(torch.equal(x, torch.zeros_like(x)) for x in (out, *grads))


@pytest.mark.parametrize("path", PATHS, indirect=True)
def test_decoding_with_a_cache_gives_the_rows_of_the_whole(path):
    q, k, v = draw(torch.float64, 12)
    whole = attend(q, k, v, causal=True)
    for new in (1, 5):
        torch.testing.assert_close(attend(q[:, :, -new:], k, v, causal=True), whole[:, :, -new:])


@pytest.mark.parametrize("path", PATHS, indirect=True)
def test_padding_does_not_change_a_sample(path):
    q, k, v = draw(torch.float64, 7, batch=1)
    padded = [torch.cat([x, 100 * torch.ones_like(x)], 2) for x in (q, k, v)]
    mask = torch.arange(14) < 7
    for causal in (False, True):
        out = attend(*padded, causal=causal, mask=mask)[:, :, :7]
        torch.testing.assert_close(out, attend(q, k, v, causal=causal), rtol=0, atol=1e-14)


@pytest.mark.parametrize("path", PATHS, indirect=True)
def test_layouts_of_projections_are_taken_as_they_are(path):
    x = torch.randn(2, 7, 3, 3, 16, requires_grad=True)
    strided = x.permute(3, 0, 2, 1, 4).unbind(0)
    copied = [y.detach().contiguous().requires_grad_() for y in strided]
    out, same = attend(*strided, causal=True), attend(*copied, causal=True)
    torch.testing.assert_close(out, same)
    grad = torch.autograd.grad(out.square().sum(), x)[0].permute(3, 0, 2, 1, 4)
    torch.testing.assert_close(grad, torch.stack(torch.autograd.grad(same.square().sum(), copied)))


def test_the_paths_agree_at_the_lengths_they_are_for():
    q, k, v = draw(time_q=256, batch=2, heads=4)
    fill = merge_masks(q, k, True, None, Alibi(alibi_slopes(4))(256, 256))
    outs = [fused(q, k, v, fill, 0.25), formula(q, k, v, fill, 0.25)]
    outs.append(tiled_attention(q, k, v, fill, 0.25, causal=True))
    torch.testing.assert_close(outs[1], outs[0], rtol=0, atol=2e-6)
    torch.testing.assert_close(outs[2], outs[0], rtol=0, atol=2e-6)


@pytest.mark.parametrize("length", [8, 96, 300])
def test_autocast_casts_the_inputs_and_gives_half_precision(length):
    q, k, v = draw(time_q=length)
    with torch.autocast("cpu", torch.bfloat16):
        out = attend(q, k.double(), v.bfloat16(), causal=True)
    same = attend(*(x.bfloat16() for x in (q, k, v)), causal=True)
    assert out.dtype == torch.bfloat16
    assert torch.equal(out, same)
    grads = torch.autograd.grad(out.float().sum(), (q, k, v))
    assert all(grad.dtype == torch.float32 and grad.isfinite().all() for grad in grads)


def test_autocast_leaves_double_precision_alone():
    with torch.autocast("cpu", torch.bfloat16):
        assert attend(*draw(torch.float64)).dtype == torch.float64


def test_half_precision_keeps_the_sum_of_many_weights():
    # 4096 equal weights: a sum kept in bf16 would stop growing at 256.
    q, k = torch.zeros(2, 1, 8, 4096, 16, dtype=torch.bfloat16)
    out = attend(q[:, :, :64], k, torch.ones_like(k))
    torch.testing.assert_close(out, torch.ones_like(out), rtol=2**-7, atol=0)


def test_long_training_is_left_to_the_fused_kernel(monkeypatch):
    monkeypatch.setattr(attention, "KEPT_BYTES", 1 << 16)
    q, k, v = draw(time_q=300, batch=1, heads=1)
    assert attention.fastest(q, k, v, None, True) == "fused"
    torch.testing.assert_close(
        attend(q, k, v, causal=True), scaled_dot_product_attention(q, k, v, is_causal=True)
    )


def test_an_empty_batch_gives_an_empty_batch():
    q, k, v = (x[:0] for x in draw())
    assert attend(q, k, v, causal=True).shape == (0, 3, 7, 8)


@pytest.mark.compile
def test_compiling_does_not_break_the_graph():
    q, k, v = (x.detach() for x in draw())
    mask, bias = torch.rand(7, 7) > 0.3, torch.randn(3, 7, 7)
    compiled = torch.compile(attend, backend="eager", fullgraph=True)
    out = compiled(q, k, v, causal=True, mask=mask, bias=bias)
    torch.testing.assert_close(out, attend(q, k, v, causal=True, mask=mask, bias=bias))
