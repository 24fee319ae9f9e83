import pytest
import torch
from torch import Tensor, nn

from sciformer.nn.precision import in_fp32


class Recorder(nn.Module):
    """A linear map that keeps the types it computed in."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(3, 2).to(dtype)
        self.register_buffer("gain", torch.ones((), dtype=dtype))

    def forward(self, x, scale=1.0):
        out = self.linear(x) * self.gain
        self.seen = {x.dtype, self.linear.weight.dtype, self.gain.dtype, out.dtype}
        return out * scale


def x(dtype=torch.float32) -> Tensor:
    return torch.linspace(-1, 1, 6).reshape(2, 3).to(dtype)


def test_autocast_is_off_inside():
    module = Recorder()
    with torch.autocast("cpu", torch.bfloat16):
        assert module(x()).dtype == torch.bfloat16  # otherwise the next line would prove nothing
        in_fp32(module, x())
    assert module.seen == {torch.float32}


def test_autocast_is_on_again_after():
    with torch.autocast("cpu", torch.bfloat16):
        in_fp32(Recorder(), x())
        assert Recorder()(x()).dtype == torch.bfloat16


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_a_module_in_half_precision_computes_in_fp32(half):
    module = Recorder(half)
    in_fp32(module, x(half))
    assert module.seen == {torch.float32}


def test_a_module_in_half_precision_gives_what_its_widened_copy_gives():
    module, wide = Recorder(torch.bfloat16), Recorder(torch.bfloat16)
    expected = wide.float()(x(torch.bfloat16).float())
    assert torch.equal(in_fp32(module, x(torch.bfloat16)), expected)


def test_half_inputs_are_widened_for_a_module_in_fp32():
    module = Recorder()
    in_fp32(module, x(torch.bfloat16))
    assert module.seen == {torch.float32}


def test_double_precision_stays_double():
    module = Recorder(torch.float64)
    assert in_fp32(module, x(torch.float64)).dtype == torch.float64


def test_what_is_no_tensor_passes_through():
    assert torch.equal(in_fp32(Recorder(), x(), 2.0), 2 * Recorder()(x()))


def test_gradients_reach_parameters_in_half_precision():
    module, wide = Recorder(torch.bfloat16), Recorder(torch.bfloat16).float()
    in_fp32(module, x(torch.bfloat16)).square().sum().backward()
    wide(x(torch.bfloat16).float()).square().sum().backward()
    gradient = module.linear.weight.grad
    assert gradient.dtype == torch.bfloat16
    assert torch.equal(gradient, wide.linear.weight.grad.bfloat16())


def test_the_parameters_themselves_stay_in_half_precision():
    module = Recorder(torch.bfloat16)
    in_fp32(module, x(torch.bfloat16))
    assert {value.dtype for value in module.state_dict().values()} == {torch.bfloat16}
