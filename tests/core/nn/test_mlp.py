import math

import pytest
import torch

from sciformer.nn.mlp import MLP


def gelu(x):
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def gelu_tanh(x):
    return x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def mlp_and_tokens(**options):
    torch.manual_seed(0)
    return MLP(4, 6, **options).double(), torch.randn(2, 3, 4, dtype=torch.float64)


@pytest.mark.parametrize("activation", [gelu, gelu_tanh])
def test_an_mlp_is_its_formula(activation):
    mlp, x = mlp_and_tokens(activation=activation.__name__)
    hidden = activation(x @ mlp.up.weight.T + mlp.up.bias)
    expected = hidden @ mlp.down.weight.T + mlp.down.bias
    assert (mlp(x) - expected).abs().max() < 1e-14  # float64 rounding


def test_the_default_is_the_exact_gelu():
    mlp, x = mlp_and_tokens()
    assert torch.equal(mlp(x), mlp_and_tokens(activation="gelu")[0](x))
    assert not torch.equal(mlp(x), mlp_and_tokens(activation="gelu_tanh")[0](x))


def test_an_unknown_activation_is_refused_with_the_known_ones():
    # A TypeError where the shape hook sees the Literal first.
    with pytest.raises((ValueError, TypeError), match=r"(?s)relu.*gelu.*gelu_tanh"):
        MLP(4, 6, activation="relu")


def test_each_token_is_mixed_by_itself():
    mlp, x = mlp_and_tokens()
    for sample in range(2):
        for time in range(3):
            alone = mlp(x[sample, time])
            assert (mlp(x)[sample, time] - alone).abs().max() < 1e-14  # float64 rounding


def test_the_keys_of_an_mlp():
    assert list(MLP(4, 6).state_dict()) == ["up.weight", "up.bias", "down.weight", "down.bias"]
