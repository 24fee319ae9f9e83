import itertools

import pytest
import torch

from sciformer.nn import attention, attention_path, tiled_attention
from sciformer.nn.attention import SelfAttention, attend
from sciformer.nn.position import Alibi, Rotary

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
    monkeypatch.setattr(attention, "fastest", lambda *_, **__: request.param)
    monkeypatch.setattr(attention, "computed_in_fp32", lambda *_: False)
    monkeypatch.setattr(tiled_attention, "TILE_BYTES", 1 << 12)
    monkeypatch.setattr(tiled_attention, "CAUSAL_BLOCK_BYTES", 40)
    return request.param


def draw(dtype=torch.float32, time_q=7, time_k=None, batch=2, heads=3):
    time_k = time_q if time_k is None else time_k
    sizes = [(time_q, 16), (time_k, 16), (time_k, 8)]
    return [torch.randn(batch, heads, *size).to(dtype).requires_grad_() for size in sizes]


def draw_mask(kind, time_q, time_k, batch=2):
    """Draw a mask that leaves at least one row empty."""
    shape = {"keys": (batch, 1, 1, time_k), "scores": (batch, 1, time_q, time_k)}.get(kind)
    if shape is None:
        return None
    mask = torch.rand(shape) > 0.4
    mask[0, :, 0] = False
    return mask


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


def assert_exact(inputs, causal=False, mask=None, bias=None, scale=None):
    """Compare output and gradients, and the output without gradients, with ``exact``."""
    inputs = inputs if bias is None else [*inputs, bias]
    q, k, v = inputs[:3]
    given = {"causal": causal, "mask": mask, "scale": scale}
    out = attend(q, k, v, bias=bias, **given)
    g = torch.randn_like(out)
    learned = [x for x in inputs if x.requires_grad]
    results = [out, *torch.autograd.grad(out, learned, g)]
    with torch.no_grad():
        results.append(attend(q, k, v, bias=bias, **given))
    doubles = [x.detach().double().requires_grad_(x.requires_grad) for x in inputs]
    learned = [x for x in doubles if x.requires_grad]
    expected = exact(*doubles[:3], bias=None if bias is None else doubles[3], **given)
    references = [expected, *torch.autograd.grad(expected, learned, g.double()), expected]
    for result, reference in zip(results, references, strict=True):
        error = (result - reference).abs().max() / reference.abs().max().clamp(min=1.0)
        assert error <= TOLERANCE[q.dtype]
    assert {x.dtype for x in (out, results[-1])} == {q.dtype}


@pytest.mark.parametrize("path", PATHS, indirect=True)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_every_path_is_the_formula_with_its_gradients(path, dtype, causal):
    for sizes, kind, biased in itertools.product(SHAPES, MASKS, (False, True)):
        bias = torch.randn(3, *sizes).to(dtype).requires_grad_() if biased else None
        assert_exact(draw(dtype, *sizes), causal, draw_mask(kind, *sizes), bias)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("length", [4, 64, 261])
@pytest.mark.parametrize("wide", [False, True], ids=["avx2", "avx512"])
def test_the_path_that_is_chosen_is_the_formula_with_its_gradients(
    dtype, length, wide, monkeypatch
):
    monkeypatch.setattr(attention_path, "avx512", lambda: wide)
    monkeypatch.setattr(attention_path, "bf16_products", lambda: wide)
    for causal, kind, biased in itertools.product((False, True), ("none", "scores"), (False, True)):
        bias = torch.randn(4, length, length).to(dtype).requires_grad_() if biased else None
        inputs = draw(dtype, length, batch=4, heads=4)
        assert_exact(inputs, causal, draw_mask(kind, length, length, batch=4), bias)


@pytest.mark.parametrize("path", PATHS, indirect=True)
@pytest.mark.parametrize("shape", [(3, 5, 6), (1, 5, 1), (2, 1, 5, 6), (2, 3, 1, 1), (5, 6), (6,)])
def test_a_bias_broadcasts_and_its_gradient_has_its_shape(path, shape):
    assert_exact(draw(time_q=5, time_k=6), bias=torch.randn(shape, requires_grad=True))


@pytest.mark.parametrize("path", PATHS, indirect=True)
def test_a_float32_bias_goes_with_half_precision(path):
    assert_exact(draw(torch.bfloat16), causal=True, bias=torch.randn(3, 7, 7, requires_grad=True))


@pytest.mark.parametrize("path", PATHS, indirect=True)
@pytest.mark.parametrize("learned", range(4), ids=["q", "k", "v", "bias"])
def test_what_alone_is_learned_gets_its_gradient(path, learned):
    inputs = [*draw(time_q=12), torch.randn(3, 12, 12)]
    q, k, v, bias = (x.detach().requires_grad_(i == learned) for i, x in enumerate(inputs))
    assert_exact([q, k, v], causal=True, bias=bias)


@pytest.mark.parametrize("path", PATHS, indirect=True)
def test_the_scale_can_be_given(path):
    assert_exact(draw(time_q=20), scale=0.5)
    assert_exact(draw(time_q=20), causal=True, scale=2.0)


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
def test_a_bias_of_minus_infinity_hides_as_a_mask_does(path):
    q, k, v = draw(time_q=33)
    mask = draw_mask("scores", 33, 33)
    bias = torch.zeros(mask.shape).masked_fill(~mask, float("-inf"))
    torch.testing.assert_close(attend(q, k, v, bias=bias), attend(q, k, v, mask=mask))


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


@pytest.mark.parametrize("length", [8, 96, 300])
def test_autocast_casts_the_inputs_and_gives_half_precision(length):
    q, k, v = draw(time_q=length)
    for bias in (None, torch.randn(length, length)):
        with torch.autocast("cpu", torch.bfloat16):
            out = attend(q, k.double(), v.bfloat16(), causal=True, bias=bias)
        same = attend(*(x.bfloat16() for x in (q, k, v)), causal=True, bias=bias)
        assert out.dtype == torch.bfloat16
        assert torch.equal(out, same)
        grads = torch.autograd.grad(out.float().sum(), (q, k, v))
        assert all(grad.dtype == torch.float32 and grad.isfinite().all() for grad in grads)


def test_autocast_leaves_double_precision_alone():
    with torch.autocast("cpu", torch.bfloat16):
        assert attend(*draw(torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("path", PATHS, indirect=True)
def test_half_precision_keeps_the_sum_of_many_weights(path):
    # 4096 equal weights: a sum kept in bf16 would stop growing at 256.
    q, k = torch.zeros(2, 1, 8, 4096, 16, dtype=torch.bfloat16)
    out = attend(q[:, :, :64], k, torch.ones_like(k))
    torch.testing.assert_close(out, torch.ones_like(out), rtol=2**-7, atol=0)


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


@pytest.mark.parametrize(
    "options",
    [{}, {"qk_norm": True}, {"causal": True}, {"alibi": Alibi([0.5, 0.25])}, {"rotary": Rotary(8)}],
    ids=lambda options: "".join(options) or "plain",
)
def test_the_pattern_of_self_attention_reproduces_its_answer(options):
    attention = SelfAttention(16, 2, **options)
    x = torch.randn(3, 10, 16)
    mask = torch.arange(10).expand(3, 1, 10) < torch.tensor([10, 7, 4]).view(3, 1, 1)
    value = attention.value(x).unflatten(-1, (2, -1)).transpose(1, 2)
    for given in (None, mask):
        pattern = attention.weights(x, given)
        torch.testing.assert_close(pattern.sum(-1), torch.ones(3, 2, 10))
        mixed = (pattern @ value).transpose(1, 2).flatten(2)
        torch.testing.assert_close(attention.out(mixed), attention(x, given))
    assert (pattern.movedim(-1, 1)[~mask[:, 0]] == 0).all()
    assert (pattern.triu(1) == 0).all() == ("causal" in options)


def test_rotary_scores_depend_on_the_distance_alone_and_alibi_favors_the_near():
    x = torch.randn(1, 1, 16).expand(1, 12, 16)
    q, k = SelfAttention(16, 2, rotary=Rotary(8)).query_key(x)
    scores = q @ k.mT
    torch.testing.assert_close(scores[..., 1:, 1:], scores[..., :-1, :-1])
    assert scores.std(-1).min() > 1e-3
    pattern = SelfAttention(16, 2, alibi=Alibi([0.5, 0.25])).weights(x)
    assert (pattern[:, :, 0].diff(dim=-1) < 0).all()


def test_qk_norm_normalizes_queries_and_keys_of_each_head():
    for y in SelfAttention(16, 2, qk_norm=True).query_key(torch.randn(3, 10, 16)):
        torch.testing.assert_close(y.std(-1, correction=0), torch.ones(3, 2, 10), rtol=0, atol=1e-3)


def test_heads_that_do_not_divide_the_width_are_named():
    for heads in (5, 0):
        with pytest.raises(ValueError, match=rf"heads: {heads}.*dim=64"):
            SelfAttention(64, heads)
