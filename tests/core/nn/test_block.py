import pytest
import torch
from torch.nn.functional import layer_norm

from sciformer.nn.block import TransformerBlock
from sciformer.nn.position import Alibi, Rotary

DIM, HEADS = 8, 2
VARIANTS = {
    "plain": {},
    "qk_norm": {"qk_norm": True},
    "rotary": {"rotary": Rotary(DIM // HEADS)},
    "alibi": {"alibi": Alibi([0.5, 0.25])},
    "all": {
        "qk_norm": True,
        "rotary": Rotary(DIM // HEADS),
        "alibi": Alibi([0.5, 0.25]),
        "activation": "gelu_tanh",
    },
}
each_variant = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)


def block_of(causal=False, **options):
    """In float64: what is equal in exact arithmetic is equal to 1e-12."""
    torch.manual_seed(0)
    return TransformerBlock(DIM, HEADS, causal, **options).double()


def tokens(samples=3, time=7, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, time, DIM, generator=generator, dtype=torch.float64)


def attention(block, x):
    """The formula, head by head."""
    q, k, v = (layer(x) for layer in (block.query, block.key, block.value))
    heads = []
    for some in torch.arange(DIM).chunk(HEADS):
        weights = torch.softmax(q[..., some] @ k[..., some].mT / len(some) ** 0.5, -1)
        heads.append(weights @ v[..., some])
    return block.out(torch.cat(heads, -1))


def test_a_block_is_its_pre_norm_residual_formula():
    block, x = block_of(), tokens()
    for norm in (block.attention_norm, block.mlp_norm):
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    first, second = block.attention_norm, block.mlp_norm
    y = x + attention(block.attention, layer_norm(x, (DIM,), first.weight, first.bias))
    expected = y + block.mlp(layer_norm(y, (DIM,), second.weight, second.bias))
    assert (block(x) - expected).abs().max() < 1e-12


@each_variant
def test_a_causal_block_does_not_see_the_future(options):
    block, x = block_of(causal=True, **options), tokens()
    changed = torch.cat([x[:, :4], tokens(seed=2)[:, 4:]], 1)
    assert (block(x)[:, :4] - block(changed)[:, :4]).abs().max() < 1e-12


def test_a_block_sees_the_future_unless_causal():
    block, x = block_of(), tokens()
    changed = torch.cat([x[:, :4], tokens(seed=2)[:, 4:]], 1)
    assert (block(x)[:, :4] - block(changed)[:, :4]).abs().amin((0, 2)).max() > 1e-6


@each_variant
@pytest.mark.parametrize("causal", [False, True])
def test_padding_that_is_masked_changes_nothing(options, causal):
    block, x = block_of(causal, **options), tokens()
    padded = torch.cat([x, 100 * tokens(time=4, seed=2)], 1)
    mask = (torch.arange(11) < 7).expand(3, 1, 11)
    assert (block(padded, mask)[:, :7] - block(x)).abs().max() < 1e-12


@each_variant
def test_samples_of_different_lengths_in_one_batch_are_as_alone(options):
    block, x, lengths = block_of(**options), tokens(), [7, 2, 5]
    mask = (torch.arange(7) < torch.tensor(lengths)[:, None])[:, None]
    together = block(x, mask)
    for sample, length in enumerate(lengths):
        alone = block(x[sample : sample + 1, :length])[0]
        assert (together[sample, :length] - alone).abs().max() < 1e-12


@each_variant
def test_every_parameter_gets_a_gradient(options):
    block = block_of(**options)
    block(tokens()).square().sum().backward()
    still = {name for name, p in block.named_parameters() if p.grad is None or not p.grad.any()}
    # The softmax cancels a bias of plain keys, up to rounding: it may or may not be still.
    assert still <= {"attention.key.bias"}
    assert all(p.grad.isfinite().all() for p in block.parameters())


def test_without_positions_a_block_commutes_with_permutations():
    block, x, order = block_of(), tokens(), torch.tensor([3, 0, 6, 2, 5, 1, 4])
    assert (block(x)[:, order] - block(x[:, order])).abs().max() < 1e-12


@pytest.mark.parametrize("positions", ["rotary", "alibi"])
def test_with_positions_a_block_does_not_commute_with_permutations(positions):
    block, x, order = block_of(**VARIANTS[positions]), tokens(), torch.tensor([3, 0, 6, 2, 5, 1, 4])
    assert (block(x)[:, order] - block(x[:, order])).abs().max() > 1e-6


def test_a_token_that_sees_nothing_gets_the_bias_of_the_attention():
    block, x = block_of(), tokens()
    y = x + block.attention.out.bias
    blind = block(x, torch.zeros(1, 1, 7, dtype=torch.bool))
    assert (blind - (y + block.mlp(block.mlp_norm(y)))).abs().max() < 1e-12


@pytest.mark.parametrize("heads", [3, 0, 16])
def test_heads_that_do_not_divide_dim_are_refused_and_both_named(heads):
    with pytest.raises(ValueError, match=f"heads: {heads} .*dim=8"):
        TransformerBlock(8, heads)


def test_mlp_ratio_sets_the_hidden_width():
    assert block_of(mlp_ratio=1.5).mlp.up.out_features == 12


def test_the_keys_of_a_block():
    attention = [f"attention.{layer}" for layer in ("query", "key", "value", "out")]
    names = ["attention_norm", *attention, "mlp_norm", "mlp.up", "mlp.down"]
    expected = [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]
    assert list(block_of(**VARIANTS["rotary"]).state_dict()) == expected
    norms = {f"attention.{x}_norm.{kind}" for x in ("query", "key") for kind in ("weight", "bias")}
    assert set(block_of(**VARIANTS["all"]).state_dict()) == {*expected, *norms}
