import math

import pytest
import torch
from torch.nn.functional import cross_entropy, logsigmoid, normalize

from astroclip.losses import contrastive
from astroclip.losses.contrastive import info_nce, siglip


def pairs(batch, dim=16, dtype=torch.float32, seed=0):
    """Embeddings of pairs that are alike, and a scale; all to be differentiated by."""
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(batch, dim, generator=generator, dtype=dtype)
    b = a + torch.randn(batch, dim, generator=generator, dtype=dtype)
    scale = torch.tensor(15.5, dtype=dtype)
    leaves = normalize(a, dim=1), normalize(b, dim=1), scale
    a, b, scale = (x.requires_grad_() for x in leaves)
    return a, b, scale


def dense_info_nce(a, b, scale):
    logits, own = scale * a @ b.T, torch.arange(len(a))
    return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2


def dense_siglip(a, b, scale, bias):
    sign = 2 * torch.eye(len(a), dtype=a.dtype) - 1
    return -logsigmoid(sign * (scale * a @ b.T + bias)).sum() / len(a)


def check(ours, theirs, leaves, tolerance):
    """Equal losses and gradients."""
    loss, dense = ours(*leaves), theirs(*leaves)
    torch.testing.assert_close(loss, dense, atol=tolerance, rtol=tolerance)
    gradients = torch.autograd.grad(loss, leaves), torch.autograd.grad(dense, leaves)
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other, atol=tolerance, rtol=tolerance)


# 256 rows make a block: one that is not full, full ones, full ones and a rest.
@pytest.mark.parametrize("batch", [2, 7, 512, 600])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-13)])
def test_chunked_info_nce_is_the_dense_one(batch, dtype, tolerance):
    check(info_nce, dense_info_nce, pairs(batch, dtype=dtype), tolerance)


@pytest.mark.parametrize("batch", [1, 7, 600])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.float64, 1e-13)])
def test_chunked_siglip_is_the_dense_one(batch, dtype, tolerance):
    bias = torch.tensor(-10.0, dtype=dtype, requires_grad=True)
    check(siglip, dense_siglip, (*pairs(batch, dtype=dtype), bias), tolerance)


def test_gradients_follow_the_factor_of_the_loss():
    leaves = pairs(9)
    once = torch.autograd.grad(info_nce(*leaves), leaves)
    thrice = torch.autograd.grad(3 * info_nce(*leaves), leaves)
    for one, three in zip(once, thrice, strict=True):
        torch.testing.assert_close(3 * one, three)


def test_the_loss_is_differentiated_as_finite_differences_say():
    leaves = pairs(6, 4, torch.float64)
    bias = torch.tensor(-1.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(info_nce, leaves)
    assert torch.autograd.gradcheck(siglip, (*leaves, bias))


def test_a_batch_of_one_gives_nothing():
    a, b, scale = pairs(1)
    loss = info_nce(a, b, scale)
    gradients = torch.autograd.grad(loss, (a, b, scale))
    assert float(loss.detach()) == 0
    assert all(not gradient.any() for gradient in gradients)


def test_equal_rows_give_the_log_of_the_batch_and_finite_gradients():
    a = torch.ones(8, 4).div(2).requires_grad_()
    loss = info_nce(a, a, torch.tensor(100.0))
    torch.testing.assert_close(loss, torch.tensor(math.log(8)))
    (gradient,) = torch.autograd.grad(loss, [a])
    assert gradient.isfinite().all()


def test_kinds_may_be_exchanged():
    a, b, scale = pairs(20)
    torch.testing.assert_close(info_nce(a, b, scale), info_nce(b, a, scale))


def test_autocast_does_not_reach_the_loss():
    leaves = pairs(20)
    with torch.autocast("cpu", torch.bfloat16):
        loss = info_nce(*leaves)
        gradients = torch.autograd.grad(loss, leaves)
    expected = info_nce(*leaves)
    assert torch.equal(loss, expected)
    for mine, other in zip(gradients, torch.autograd.grad(expected, leaves), strict=True):
        assert torch.equal(mine, other)


def test_bf16_embeddings_are_compared_in_fp32():
    a, b, scale = (x.detach().bfloat16().requires_grad_() for x in pairs(300))
    loss = info_nce(a, b, scale)
    torch.testing.assert_close(loss, dense_info_nce(a.float(), b.float(), scale.float()))
    assert torch.autograd.grad(loss, a)[0].dtype == torch.bfloat16


def test_embeddings_that_are_no_pairs_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 4\) and \(2, 4\) are not pairs"):
        contrastive._check_pairs(torch.ones(3, 4), torch.ones(2, 4))
