"""The norms over space beside their formulas, and the gradients that are written out."""

import pytest
import torch
from torch.nn.functional import instance_norm

from mpp.nn.normalization import DeviationNorm, InstanceNorm


def draw(*shape, dtype=torch.float64):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    return 2 + x * torch.arange(1, shape[-1] + 1)


def randomize(norm):
    for parameter in norm.parameters():
        torch.nn.init.normal_(parameter, 1.0, 0.3, generator=torch.Generator().manual_seed(1))
    return norm.double()


def test_the_deviation_norm_is_its_formula():
    norm, x = randomize(DeviationNorm(4, 1e-3)), draw(2, 7, 4)
    expected = x / (x.std(1, keepdim=True) + 1e-3) * norm.weight
    assert torch.allclose(norm(x), expected, rtol=1e-12)


def test_the_instance_norm_is_torchs():
    norm, x = randomize(InstanceNorm(4)), draw(2, 7, 4)
    expected = instance_norm(x.mT, None, None, norm.weight, norm.bias, eps=1e-5).mT
    assert torch.allclose(norm(x), expected, rtol=1e-12)


@pytest.mark.parametrize("norm", [DeviationNorm(3, 1e-3), InstanceNorm(3)])
@pytest.mark.parametrize("tokens", [1, 2, 5])
def test_gradients_are_the_numerical_ones(norm, tokens):
    norm, x = randomize(norm), draw(2, tokens, 3).requires_grad_()
    names = [name for name, _ in norm.named_parameters()]

    def call(x, *parameters):
        named = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(norm, named, (x,))

    assert torch.autograd.gradcheck(call, (x, *norm.parameters()))


def test_a_gain_and_a_larger_eps_are_those_of_a_scaled_input():
    norm, x = randomize(DeviationNorm(4, 1e-2)), draw(2, 5, 4)
    gain = torch.tensor([1.0, 2.0, 0.5, -1.0], dtype=torch.float64)
    assert torch.allclose(norm(3 * x, gain, 3.0), norm(x) * gain, rtol=1e-12)


def test_statistics_of_bf16_are_fp32():
    """256 + 1 is 256 in bf16: a mean of many such numbers would stand still."""
    x = (100 + draw(1, 4096, 2, dtype=torch.float32)).bfloat16()
    out = InstanceNorm(2)(x)
    expected = instance_norm(x.float().mT, eps=1e-5).mT
    assert out.dtype == torch.bfloat16
    assert torch.equal(out, expected.bfloat16()) or (out - expected).abs().max() <= 2**-6


def test_a_uniform_frame_has_a_finite_gradient():
    x = torch.full((1, 64, 2), 1.1).requires_grad_()
    norm = DeviationNorm(2, 1e-3)
    norm(x).sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.abs().max() <= 1e4
