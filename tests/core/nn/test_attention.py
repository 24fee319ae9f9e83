import itertools

import pytest
import torch

from sciformer.nn.attention import CrossAttention, SelfAttention, attend, fastest
from sciformer.nn.position import Alibi, Rotary

# Shapes (batch, heads, time_q, time_k, head_dim) that between them take every path on a CPU.
SHAPES = [
    (2, 1, 1, 1, 8),
    (2, 3, 7, 7, 16),
    (1, 2, 1, 9, 8),
    (2, 2, 5, 11, 8),
    (2, 4, 63, 63, 16),
    (3, 2, 130, 130, 16),
    (4, 4, 261, 261, 16),
]
# fp32: sums in another order; bf16: 8 bits of the inputs and of the answer, both of order one.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5, torch.bfloat16: 3e-2}


def exact(q, k, v, causal, mask, bias):
    """The definition in float64, row by row free of NaN."""
    q, k, v = q.double(), k.double(), v.double()
    scores = q @ k.mT * q.shape[-1] ** -0.5
    if bias is not None:
        scores = scores + bias.double()
    seen = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool)
    if causal:
        seen = seen.tril(k.shape[-2] - q.shape[-2])
    seen = seen.expand_as(scores) if mask is None else seen & mask
    weights = scores.masked_fill(~seen, -1e30).softmax(-1).masked_fill(~seen, 0.0)
    return weights @ v


def inputs(shape, dtype, masked, biased, seed=0):
    batch, heads, time_q, time_k, dim = shape
    generator = torch.Generator().manual_seed(seed)

    def draw(*sizes):
        return torch.randn(*sizes, generator=generator).to(dtype)

    q, k, v = draw(batch, heads, time_q, dim), *(draw(batch, heads, time_k, dim) for _ in range(2))
    mask = torch.rand(batch, 1, time_q, time_k, generator=generator) < 0.6 if masked else None
    if mask is not None:
        mask[0, :, 0] = False  # a row with nothing to attend to
    bias = draw(1, heads, time_q, time_k) if biased else None
    return q, k, v, mask, bias


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_every_combination_equals_the_formula_in_float64(shape, dtype):
    for causal, masked, biased in itertools.product([False, True], repeat=3):
        q, k, v, mask, bias = inputs(shape, dtype, masked, biased)
        found = attend(q, k, v, causal=causal, mask=mask, bias=bias)
        assert found.dtype == dtype
        error = (found.double() - exact(q, k, v, causal, mask, bias)).abs().max()
        assert error < TOLERANCE[dtype], (causal, masked, biased)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_every_combination_has_the_gradients_of_the_formula(shape, dtype):
    for causal, masked, biased in itertools.product([False, True], repeat=3):
        q, k, v, mask, bias = inputs(shape, dtype, masked, biased)
        leaves = [x.requires_grad_() for x in (q, k, v, bias) if x is not None]
        wide = [x.detach().double().requires_grad_() for x in leaves]
        answer = attend(q, k, v, causal=causal, mask=mask, bias=bias)
        reference = exact(*wide[:3], causal, mask, wide[3] if biased else None)
        weight = torch.cos(torch.arange(answer.numel())).view(answer.shape)
        found = torch.autograd.grad((answer.double() * weight).sum(), leaves)
        expected = torch.autograd.grad((reference * weight).sum(), wide)
        for one, other in zip(found, expected, strict=True):
            scale = max(1.0, float(other.abs().max()))
            error = float((one.double() - other).abs().max()) / scale
            assert error < 3 * TOLERANCE[dtype], (causal, masked, biased)


def test_the_shapes_above_take_every_path():
    paths = set()
    for shape, dtype, grad in itertools.product(SHAPES, TOLERANCE, [False, True]):
        q, k, v, _, _ = inputs(shape, dtype, masked=False, biased=False)
        paths |= {fastest(q.requires_grad_(grad), k, v, None, causal) for causal in (False, True)}
    assert paths == {"fused", "formula", "tiled"}


@pytest.mark.parametrize("time", [4, 70, 300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_row_with_nothing_to_attend_to_gives_zeros_and_finite_gradients(time, dtype):
    q, k, v, _, _ = inputs((3, 2, time, time, 16), dtype, masked=False, biased=False)
    mask = torch.ones(3, 1, time, time, dtype=torch.bool)
    mask[1] = False
    for causal in (False, True):
        leaves = [x.clone().requires_grad_() for x in (q, k, v)]
        out = attend(*leaves, causal=causal, mask=mask)
        assert (out[1] == 0).all()
        assert (out[0] != 0).any()
        for gradient in torch.autograd.grad(out.sum(), leaves):
            assert gradient.isfinite().all()
            assert (gradient[1] == 0).all()


def test_a_bias_of_minus_infinity_hides_as_a_mask_does():
    q, k, v, mask, _ = inputs((2, 2, 33, 33, 8), torch.float32, masked=True, biased=False)
    bias = torch.zeros(mask.shape).masked_fill(~mask, float("-inf"))
    assert torch.allclose(attend(q, k, v, bias=bias), attend(q, k, v, mask=mask), atol=1e-6)


def test_one_causal_query_against_a_cache_sees_all_of_it():
    q, k, v, _, _ = inputs((2, 2, 9, 9, 8), torch.float32, masked=False, biased=False)
    whole = attend(q, k, v, causal=True)
    assert torch.allclose(attend(q[:, :, -1:], k, v, causal=True), whole[:, :, -1:], atol=1e-6)
    assert torch.allclose(attend(q[:, :, -4:], k, v, causal=True), whole[:, :, -4:], atol=1e-6)


def test_values_may_be_wider_than_queries():
    q, k, _, _, _ = inputs((2, 2, 40, 40, 8), torch.float32, masked=False, biased=False)
    v = torch.randn(2, 2, 40, 24, generator=torch.Generator().manual_seed(1))
    for causal in (False, True):
        found = attend(q, k, v, causal=causal)
        assert torch.allclose(found.double(), exact(q, k, v, causal, None, None), atol=1e-5)


def test_the_scale_can_be_given():
    q, k, v, _, _ = inputs((1, 1, 20, 20, 16), torch.float32, masked=False, biased=False)
    assert torch.allclose(attend(q, k, v, scale=0.5), attend(q * 2.0, k, v), atol=1e-5)


@pytest.mark.parametrize("time", [8, 300])
def test_under_autocast_it_computes_in_its_dtype(time):
    q, k, v, _, bias = inputs((2, 2, time, time, 8), torch.float32, masked=False, biased=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = attend(q, k.bfloat16(), v, bias=bias)
    assert found.dtype == torch.bfloat16
    assert (found.double() - exact(q, k, v, False, None, bias)).abs().max() < 5e-2


def test_padding_that_is_masked_changes_nothing():
    q, k, v, _, _ = inputs((2, 2, 50, 50, 8), torch.float32, masked=False, biased=False)
    mask = torch.zeros(2, 1, 1, 50, dtype=torch.bool)
    mask[..., :30] = True
    padded = attend(q, k, v, mask=mask)
    assert torch.allclose(padded, attend(q, k[:, :, :30], v[:, :, :30]), atol=1e-6)


def test_a_sample_is_attended_to_the_same_alone_and_in_a_batch():
    q, k, v, mask, _ = inputs((5, 2, 200, 200, 8), torch.float32, masked=True, biased=False)
    alone = attend(q[2:3], k[2:3], v[2:3], causal=True, mask=mask[2:3])
    assert torch.allclose(attend(q, k, v, causal=True, mask=mask)[2:3], alone, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"qk_norm": True}, {"causal": True}])
def test_the_pattern_of_self_attention_reproduces_its_answer(options):
    torch.manual_seed(0)
    attention = SelfAttention(16, 2, **options)
    x = torch.randn(3, 10, 16)
    pattern = attention.weights(x)
    assert torch.allclose(pattern.sum(-1), torch.ones(3, 2, 10), atol=1e-6)
    value = attention.value(x).unflatten(-1, (2, -1)).transpose(1, 2)
    mixed = (pattern @ value).transpose(1, 2).flatten(2)
    assert torch.allclose(attention.out(mixed), attention(x), atol=1e-5)


def test_alibi_and_rotary_reach_the_scores():
    torch.manual_seed(0)
    x = torch.randn(2, 12, 16)
    plain = SelfAttention(16, 2)
    for extra in ({"alibi": Alibi([0.5, 0.25])}, {"rotary": Rotary(8)}):
        other = SelfAttention(16, 2, **extra)
        other.load_state_dict(plain.state_dict())
        assert not torch.allclose(other(x), plain(x), atol=1e-3)


def test_cross_attention_reads_a_context_of_another_width():
    torch.manual_seed(0)
    attention = CrossAttention(16, 4, context_dim=6)
    x, context = torch.randn(2, 3, 16), torch.randn(2, 7, 6)
    mask = torch.ones(2, 3, 7, dtype=torch.bool)
    mask[:, :, 5:] = False
    assert torch.allclose(attention(x, context, mask), attention(x, context[:, :5]), atol=1e-6)


def test_heads_that_do_not_divide_the_width_are_named():
    for heads in (5, 0):
        with pytest.raises(ValueError, match=rf"heads={heads}.*dim=64"):
            SelfAttention(64, heads)
