import pytest
import torch
from torch import nn

from sciformer.nn.attention import merge, split
from sciformer.nn.pooling import AttentionPooling

DIM, TIME, SAMPLES = 16, 9, 3
sizes = pytest.mark.parametrize(("heads", "queries"), [(1, 1), (1, 5), (4, 1), (4, 3), (4, 7)])
masked = pytest.mark.parametrize("masked", [False, True])


def pool_of(heads=4, queries=3):
    """In float64: what is equal in exact arithmetic is equal to 1e-12."""
    torch.manual_seed(0)
    return AttentionPooling(DIM, heads, queries).double()


def tokens(seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(SAMPLES, TIME, DIM, generator=generator, dtype=torch.float64)


def some_hidden(masked=True):
    """Sample 0 sees all, sample 1 every other token, sample 2 none; None if not masked."""
    mask = torch.zeros(SAMPLES, TIME, dtype=torch.bool)
    mask[0] = mask[1, ::2] = True
    return mask if masked else None


@sizes
@masked
def test_folded_is_unfolded(heads, queries, masked):
    pool, x, mask = pool_of(heads, queries), tokens(), some_hidden(masked)
    folded, unfolded = pool.folded(x, pool.queries, mask), pool.unfolded(x, pool.queries, mask)
    assert folded.shape == (SAMPLES, queries, DIM)
    assert (folded - unfolded).abs().max() < 1e-12


@sizes
@masked
def test_folded_has_the_gradients_of_unfolded(heads, queries, masked):
    pool, x, mask = pool_of(heads, queries), tokens().requires_grad_(), some_hidden(masked)
    leaves = [x, *pool.parameters()]
    answers = [path(x, pool.queries, mask) for path in (pool.folded, pool.unfolded)]
    fast, slow = (torch.autograd.grad(answer.square().sum(), leaves) for answer in answers)
    for one, other in zip(fast, slow, strict=True):
        assert (one - other).abs().max() < 1e-11  # gradients are sums up to 30


@sizes
@masked
@pytest.mark.parametrize("path", ["folded", "unfolded"])
def test_both_paths_are_exact_to_rounding_in_fp32(heads, queries, masked, path):
    pool, x, mask = pool_of(heads, queries), tokens(), some_hidden(masked)
    exact = getattr(pool, path)(x, pool.queries, mask)
    rounded = getattr(pool.float(), path)(x.float(), pool.queries, mask)
    # Answers of size 1 after four products with 16 terms each: a few times the 6e-8 of fp32.
    assert (rounded - exact).abs().max() < 1e-6


def test_the_weights_are_in_fp32_though_the_tokens_are_in_bf16():
    pool = pool_of().bfloat16()
    weights = pool.weights(tokens().bfloat16())
    assert weights.dtype == torch.float32
    assert pool(tokens().bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize(("queries", "folds"), [(1, True), (4, True), (5, False)])
def test_keys_of_the_tokens_are_computed_for_many_queries_only(queries, folds):
    pool, keys = pool_of(heads=4, queries=queries), []  # 4 heads with 4 queries are dim = 16
    pool.key.register_forward_hook(lambda *_: keys.append(1))
    pool(tokens())
    assert (not keys) == folds


@masked
def test_the_first_queries_are_answered_the_same_however_many_ask(masked):
    pool, x, mask = pool_of(heads=4, queries=7), tokens(), some_hidden(masked)
    every = pool(x, mask)
    for n in range(8):
        some = pool(x, mask, queries=n)
        assert some.shape == (SAMPLES, n, DIM)
        assert torch.allclose(some, every[:, :n], rtol=0, atol=1e-12)


def test_more_queries_than_learned_are_refused_by_both_numbers():
    with pytest.raises(ValueError, match="queries=4 of 3"):
        pool_of(queries=3)(tokens(), queries=4)


@pytest.mark.parametrize("queries", [1, 7])
def test_a_sample_without_a_visible_token_gives_the_bias_of_the_output(queries):
    pool = pool_of(queries=queries)
    assert torch.equal(pool(tokens(), some_hidden())[2], pool.out.bias.expand(queries, DIM))


@pytest.mark.parametrize("queries", [1, 7])
def test_a_sample_without_a_visible_token_has_finite_gradients(queries):
    pool, x = pool_of(queries=queries), tokens().requires_grad_()
    pool(x, some_hidden()).square().sum().backward()
    assert all(leaf.grad.isfinite().all() for leaf in (x, *pool.parameters()))
    assert not x.grad[2].any()


@pytest.mark.parametrize("queries", [1, 7])
def test_a_hidden_token_has_no_influence(queries):
    pool, x, mask = pool_of(queries=queries), tokens(), some_hidden()
    changed = torch.where(mask[..., None], x, 100 * tokens(seed=2))
    assert torch.equal(pool(x, mask), pool(changed, mask))


@pytest.mark.parametrize("queries", [1, 7])
def test_a_padded_sample_is_answered_as_alone(queries):
    pool, x, mask = pool_of(queries=queries), tokens(), some_hidden()
    alone = pool(x[1:2, mask[1]])
    assert (pool(x, mask)[1:2] - alone).abs().max() < 1e-12


@sizes
def test_the_weights_of_the_visible_tokens_sum_to_one(heads, queries):
    weights = pool_of(heads, queries).weights(tokens(), some_hidden())
    assert weights.shape == (SAMPLES, heads, queries, TIME)
    assert (weights[:2].sum(-1) - 1).abs().max() < 1e-12
    assert not weights[2].any()
    assert not weights[1, :, :, 1::2].any()


@sizes
@masked
def test_the_weights_reproduce_the_output(heads, queries, masked):
    pool, x, mask = pool_of(heads, queries), tokens(), some_hidden(masked)
    pooled = merge(pool.weights(x, mask) @ split(pool.value(x), heads))
    assert (pool(x, mask) - pool.out(pooled)).abs().max() < 1e-12


def test_the_weights_of_the_first_queries_are_the_first_weights():
    pool = pool_of()
    assert torch.allclose(
        pool.weights(tokens(), queries=2), pool.weights(tokens())[:, :, :2], rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("queries", [1, 7])
def test_permuting_the_tokens_changes_nothing(queries):
    pool, x = pool_of(queries=queries), tokens()
    order = torch.randperm(TIME, generator=torch.Generator().manual_seed(0))
    mask = some_hidden()
    assert (pool(x, mask) - pool(x[:, order], mask[:, order])).abs().max() < 1e-12


@pytest.mark.parametrize("queries", [1, 7])
def test_pooling_is_the_multihead_attention_of_torch(queries):
    pool, x = pool_of(queries=queries), tokens()
    theirs = nn.MultiheadAttention(DIM, 4, batch_first=True, dtype=torch.float64)
    query, key, value = pool.query, pool.key, pool.value
    theirs.load_state_dict(
        {
            "in_proj_weight": torch.cat([query.weight, key.weight, value.weight]),
            "in_proj_bias": torch.cat([query.bias, torch.zeros(DIM), value.bias]),
            "out_proj.weight": pool.out.weight,
            "out_proj.bias": pool.out.bias,
        }
    )
    expected, _ = theirs(pool.queries.expand(SAMPLES, -1, -1), x, x)
    assert (pool(x) - expected).abs().max() < 1e-12


@pytest.mark.parametrize("heads", [3, 0])
def test_heads_that_do_not_divide_dim_are_refused_and_both_named(heads):
    with pytest.raises(ValueError, match=f"heads: {heads} .*dim=16"):
        AttentionPooling(16, heads)


def test_the_keys_of_a_pooling():
    assert list(pool_of().state_dict()) == [
        "queries",
        *("query.weight", "query.bias", "key.weight"),
        *("value.weight", "value.bias", "out.weight", "out.bias"),
    ]
