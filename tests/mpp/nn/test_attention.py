"""Heads and packed lines beside the plain formulas."""

import pytest
import torch
from torch.nn.functional import layer_norm

from mpp.nn.attention import attend_lines, lines_per_row, split_heads


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
    assert lines_per_row(q, 8) == 2
    assert lines_per_row(q.bfloat16(), 8) == 3  # 4 would fit, but 6 lines are no multiple
    assert lines_per_row(q, 17) == 1
