"""Attention as counts of tokens is softmax attention."""

import copy

import pytest
import torch
from torch.nn.functional import embedding

from contextual_counting.nn.prefix_count_attention import CountingBlock
from sciformer.nn.block import TransformerBlock


def tokens(samples=3, length=60, seed=0):
    return torch.randint(0, 4, (samples, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("heads", [1, 4])
def test_count_attention_equals_softmax_attention(causal, heads):
    torch.manual_seed(0)
    block = CountingBlock(64, heads, causal, mlp_ratio=2.0).double()
    classes, ids = torch.randn(5, 64).double(), tokens(length=200)
    slow = TransformerBlock.forward(block, embedding(ids, classes))
    assert (block(classes, ids) - slow).abs().max() < 1e-12


@pytest.mark.parametrize("causal", [True, False])
def test_count_attention_has_the_gradients_of_softmax_attention(causal):
    torch.manual_seed(0)
    block = CountingBlock(16, 2, causal).double()
    classes, ids = torch.randn(5, 16).double().requires_grad_(), tokens()
    leaves = [classes, *block.parameters()]
    answers = [block(classes, ids), TransformerBlock.forward(block, embedding(ids, classes))]
    fast, slow = (torch.autograd.grad((a**2).sum(), leaves) for a in answers)
    for one, other in zip(fast, slow, strict=True):
        assert (one - other).abs().max() < 1e-9 * max(1, other.abs().max())


def test_count_attention_is_within_1e_6_of_softmax_attention_in_fp32():
    torch.manual_seed(0)
    block = CountingBlock(64, 1, True, mlp_ratio=2.0)
    classes, ids = torch.randn(5, 64), tokens(length=512)
    exact = TransformerBlock.forward(
        copy.deepcopy(block).double(), embedding(ids, classes).double()
    )
    # fp32 rounds the residual stream (up to 4) by 2e-7; the answer is off by no more than a few.
    assert (block(classes, ids) - exact).abs().max() < 1e-6


@pytest.mark.parametrize("causal", [True, False])
def test_tokens_that_count_twice_are_attended_to_as_if_they_stood_there_twice(causal):
    torch.manual_seed(0)
    block = CountingBlock(16, 2, causal).double()
    classes, ids = torch.randn(5, 16).double(), tokens(1, 20)
    repeats = torch.where(ids[0] < 2, 2, 1)
    times = torch.tensor([[2.0, 2, 1, 1, 1]]).double()
    last = repeats.cumsum(0) - 1  # the second of two sees them both
    expected = block(classes, ids.repeat_interleave(repeats, 1))[:, last]
    assert (block(classes, ids, times) - expected).abs().max() < 1e-12
