"""Heads: torch's attention gives the same, maps are real, a batch may be one."""

import pytest
import torch
from torch import nn

from astroclip.convert.pooling_head import PoolingHead


@pytest.fixture
def tokens():
    return torch.randn(3, 50, 24, generator=torch.Generator().manual_seed(0))


def head(residual=True):
    torch.manual_seed(0)
    return PoolingHead(32, 4, 24, 64, residual).eval()


def torchs(pooling):
    """The same attention by ``nn.MultiheadAttention``."""
    other = nn.MultiheadAttention(32, 4, kdim=24, vdim=24, batch_first=True)
    with torch.no_grad():
        for name in ("q", "k", "v"):
            ours = {"q": pooling.query, "k": pooling.key, "v": pooling.value}[name]
            getattr(other, f"{name}_proj_weight").copy_(ours.weight)
        zeros = torch.zeros(32)
        other.in_proj_bias.copy_(torch.cat([pooling.query.bias, zeros, pooling.value.bias]))
        other.out_proj.load_state_dict(pooling.out.state_dict())
    return other


def test_pooling_is_torchs_attention_of_one_query(tokens):
    pooling = head().pooling
    query = pooling.queries.expand(3, 1, 32)
    expected, weights = torchs(pooling)(query, tokens, tokens, average_attn_weights=False)
    assert (pooling(tokens) - expected).abs().max() <= 1e-6
    assert (head().weights(tokens) - weights[:, :, 0]).abs().max() <= 1e-6


def test_maps_of_attention_are_shares_of_the_tokens(tokens):
    weights = head().weights(tokens)
    assert weights.shape == (3, 4, 50)
    assert torch.allclose(weights.sum(-1), torch.ones(3, 4))
    assert weights.min() >= 0


def test_a_batch_of_one_is_row_0_of_a_batch(tokens):
    model = head()
    assert (model(tokens[:1])[0] - model(tokens)[0]).abs().max() <= 1e-6
    assert (model.weights(tokens[:1])[0] - model.weights(tokens)[0]).abs().max() <= 1e-6


def test_the_residual_adds_what_was_read(tokens):
    kept, gone = head(residual=True), head(residual=False)
    read = kept.norm(kept.pooling(tokens)[:, 0])
    assert torch.allclose(kept(tokens) - gone(tokens), read, atol=1e-6)


def test_dropout_acts_in_training_alone(tokens):
    model = head()
    assert torch.equal(model(tokens), model(tokens))
    model.train()
    assert not torch.equal(model(tokens), model(tokens))
