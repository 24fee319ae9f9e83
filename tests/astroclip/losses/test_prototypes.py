import math

import pytest
import torch
from torch.nn.functional import normalize

from astroclip.losses.prototypes import PrototypeHead, koleo, sinkhorn


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_head_gives_cosines():
    torch.manual_seed(0)
    head = PrototypeHead(8, 5, 16, 4)
    x = drawn(3, 7, 8)
    out = head(x)
    expected = torch.cosine_similarity(head.mlp(x)[..., None, :], head.prototypes, dim=-1)
    torch.testing.assert_close(out, expected)


def test_the_length_of_a_prototype_does_not_matter():
    head = PrototypeHead(8, 5, 16, 4)
    x = drawn(3, 8)
    before = head(x)
    with torch.no_grad():
        head.prototypes.mul_(7)
    torch.testing.assert_close(head(x), before)


def test_autocast_does_not_reach_the_cosines():
    head = PrototypeHead(8, 5, 16, 4)
    code = head.mlp(drawn(3, 8)).bfloat16()
    head.mlp = torch.nn.Sequential()
    with torch.autocast("cpu", torch.bfloat16):
        out = head(code)
    assert out.dtype == torch.float32
    expected = torch.cosine_similarity(code.float()[:, None], head.prototypes, dim=-1)
    torch.testing.assert_close(out, expected)


def naive_sinkhorn(logits, temperature):
    q = (logits.double() / temperature).exp()
    for _ in range(3):
        q = q / q.sum(0, keepdim=True) / q.shape[1]
        q = q / q.sum(1, keepdim=True) / q.shape[0]
    return q * q.shape[0]


def test_assignments_are_those_of_the_plain_rounds():
    logits = normalize(drawn(12, 6), dim=1)
    expected = naive_sinkhorn(logits, 0.05)
    torch.testing.assert_close(sinkhorn(logits, 0.05).double(), expected, rtol=1e-4, atol=1e-6)


def test_rows_sum_to_one_and_columns_to_their_share():
    q = sinkhorn(0.1 * drawn(64, 8), 0.2)
    torch.testing.assert_close(q.sum(1), torch.ones(64))
    torch.testing.assert_close(q.sum(0), torch.full((8,), 8.0), rtol=0.01, atol=0)


def test_a_preference_of_all_is_taken_away():
    logits = drawn(20, 6)
    shifted = logits + torch.arange(6.0)  # as a teacher that collapses
    torch.testing.assert_close(sinkhorn(shifted, 0.5), sinkhorn(logits, 0.5), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 4])
def test_equal_rows_are_assigned_to_all_equally(rows):
    q = sinkhorn(drawn(1, 6).expand(rows, -1), 0.04)
    torch.testing.assert_close(q, torch.full((rows, 6), 1 / 6))


def test_extreme_logits_stay_finite():
    logits = 1e4 * drawn(5, 6)
    assert sinkhorn(logits, 0.04).isfinite().all()


def test_nothing_is_assigned_to_nothing():
    assert sinkhorn(torch.zeros(0, 6), 0.04).shape == (0, 6)


def test_koleo_is_minus_the_mean_log_distance_to_the_nearest():
    x = normalize(drawn(10, 4), dim=1)
    distance = torch.cdist(x, x).fill_diagonal_(math.inf).amin(1)
    torch.testing.assert_close(koleo(3 * x), -distance.log().mean(), rtol=1e-4, atol=1e-5)


def test_koleo_pushes_neighbors_apart():
    x = drawn(6, 3).requires_grad_()
    (gradient,) = torch.autograd.grad(koleo(x), [x])
    assert koleo(x - 0.01 * gradient) < koleo(x)


def test_equal_points_have_finite_gradients():
    x = torch.ones(4, 3, requires_grad=True)
    loss = koleo(x)
    (gradient,) = torch.autograd.grad(loss, [x])
    assert loss.isfinite()
    assert not gradient.any()


@pytest.mark.parametrize("x", [torch.ones(1, 3), torch.zeros(0, 3)])
def test_fewer_than_two_points_give_zero(x):
    x.requires_grad_()
    loss = koleo(x)
    assert loss.item() == 0
    assert not torch.autograd.grad(loss, [x])[0].any()
