"""The linear layer beside torch's."""

import pytest
import torch
from torch.nn.functional import linear as matrix_product

from mpp.nn.linear import linear


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
