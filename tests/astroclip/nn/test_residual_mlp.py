"""The head of our encoders."""

import torch

from astroclip.nn.residual_mlp import Head


def test_a_head_is_two_layers_beside_one_and_a_norm():
    torch.manual_seed(0)
    head, x = Head(12, 8), torch.randn(5, 12)
    up = torch.nn.functional.gelu(x @ head.up.weight.T + head.up.bias)
    down = up @ head.down.weight.T + head.down.bias
    y = down + x @ head.skip.weight.T + head.skip.bias
    y = (y - y.mean(1, keepdim=True)) / (y.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    assert (head(x) - y).abs().max() <= 1e-5
