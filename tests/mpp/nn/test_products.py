"""The linear layer, heads and lines beside what they are a faster way to compute."""

import pytest
import torch
from torch.nn.functional import layer_norm
from torch.nn.functional import linear as matrix_product

from mpp.nn.linear import linear
from mpp.nn.short_attention import attend_lines, together
from mpp.nn.split_qkv import split_heads


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("rows", [(16, 3), (2, 8, 4), (5, 3)])
def test_a_convolution_is_the_product(rows, biased):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(*rows, 6, generator=generator, requires_grad=True)
    weight = torch.randn(4, 6, generator=generator, requires_grad=True)
    bias = torch.randn(4, generator=generator, requires_grad=True) if biased else None
    pull = torch.randn(*rows, 4, generator=generator)
    leaves = [x, weight, bias] if biased else [x, weight]
    ours, theirs = linear(x, weight, bias), matrix_product(x, weight, bias)
    assert torch.allclose(ours, theirs, atol=1e-5)
    for a, b in zip(
        torch.autograd.grad(ours, leaves, pull),
        torch.autograd.grad(theirs, leaves, pull),
        strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-5)


def test_heads_and_their_gradients_are_those_of_layer_norms():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 5, 3, 2, 4, generator=generator, dtype=torch.float64)
    x.requires_grad_()
    gains = [torch.randn(4, generator=generator, dtype=torch.float64) for _ in range(4)]
    gains = [gain.requires_grad_() for gain in gains]

    def plainly():
        q, k, v = x.permute(3, 4, 0, 2, 1, 5).unbind(0)
        return layer_norm(q, (4,), *gains[:2]), layer_norm(k, (4,), *gains[2:]), v

    ours, theirs = split_heads(x, tuple(gains[:2]), tuple(gains[2:]), (0, 2, 1)), plainly()
    pulls = [torch.randn(z.shape, generator=generator, dtype=torch.float64) for z in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert a.is_contiguous()
        assert torch.allclose(a, b)
    leaves = [x, *gains]
    grads = (torch.autograd.grad(z, leaves, pulls) for z in (ours, theirs))
    for a, b in zip(*grads, strict=True):
        assert torch.allclose(a, b)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("lines", "queries", "length"), [(6, 8, 8), (4, 5, 5), (8, 1, 4), (3, 40, 40)]
)
def test_lines_that_share_a_row_do_not_see_each_other(lines, queries, length, bias):
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(2, lines, queries, 16, generator=generator)
    k, v = (torch.randn(2, lines, length, 16, generator=generator) for _ in range(2))
    given = torch.randn(2, queries, length, generator=generator) if bias else None
    scores = q @ k.mT / 4 + (given[:, None] if bias else 0.0)
    assert torch.allclose(attend_lines(q, k, v, given), scores.softmax(-1) @ v, atol=1e-5)


def test_lines_share_a_row_that_fills_a_register():
    q = torch.zeros(1, 6, 8, 4)
    assert together(q, 8) == 2
    assert together(q.bfloat16(), 8) == 3  # 4 would fit, but 6 lines are no multiple
    assert together(q, 17) == 1
