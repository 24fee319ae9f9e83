import pytest
import torch

from sciformer.interpret.hooks import run_with_cache, run_with_hooks
from sciformer.interpret.patching import ablate, patch_each, put
from sciformer.nn.encoder import Encoder

MIDDLE = "blocks.0.middle"


@pytest.fixture(name="model")
def one_block():
    """A block whose attention adds the mean of the first channel over tokens to the second."""
    model = Encoder(4, 1, 1, final_norm=False).double()
    block = model.blocks[0]
    block.attention_norm, block.mlp_norm = torch.nn.Identity(), torch.nn.Identity()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        block.attention.value.weight[0, 0] = 1
        block.attention.out.weight[1, 0] = 1
    return model


def tokens(seed):
    return torch.rand(3, 5, 4, generator=torch.Generator().manual_seed(seed)).double()


def expected(own, other):
    """Stream of one input, with what the attention reads in the other."""
    out = own.clone()
    out[..., 1] += other[..., :1].mean(1)
    return out


def test_the_circuit_set_by_hand_is_what_runs(model):
    assert torch.allclose(model(tokens(0)), expected(tokens(0), tokens(0)))


def test_each_site_carries_what_was_set_by_hand(model):
    clean, other = tokens(0), tokens(1)
    names = ["in", "blocks.0.attention.value", "blocks.0.attention.pattern", "blocks.0.mlp.out"]
    found = patch_each(model, [clean], [other], names)
    assert torch.allclose(found["in"], model(other))
    assert torch.allclose(found["blocks.0.attention.value"], expected(clean, other))
    for name in names[2:]:  # uniform attention, and an MLP that does nothing
        assert torch.allclose(found[name], model(clean))


def test_a_part_of_an_activation_can_be_put(model):
    clean, other = tokens(0), tokens(1)
    site = "blocks.0.attention.value"
    _, cache = run_with_cache(model, other, names_filter=site)
    last = torch.arange(5)[:, None] == 4
    out = run_with_hooks(model, clean, fwd_hooks=[(site, put(cache[site], last))])
    mixed = torch.where(last, other, clean)
    assert torch.allclose(out, expected(clean, mixed))


@pytest.mark.parametrize("mean", [True, False])
def test_an_ablation_leaves_the_mean_of_the_samples_or_nothing(model, mean):
    x = tokens(0)
    hook = ablate(mean=mean)
    out = run_with_hooks(model, x, fwd_hooks=[("blocks.0.attention.out", hook)])
    left = expected(x, x) - x
    left = left.mean(0, keepdim=True) if mean else torch.zeros_like(left)
    assert torch.allclose(out, x + left)
    second = torch.arange(4) == 1
    out = run_with_hooks(model, x, fwd_hooks=[(MIDDLE, ablate(second, mean))])
    assert torch.allclose(out[..., 0], x[..., 0])
    assert torch.allclose(out[1:, :, 1], out[:-1, :, 1])
