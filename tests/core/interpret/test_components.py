import torch

from sciformer.interpret.components import principal


def test_components_are_the_right_singular_vectors_of_centered_vectors():
    draw = torch.Generator().manual_seed(0)
    vectors = torch.randn(60, 5, generator=draw) * torch.tensor([1, 9, 3, 0.2, 5]) + 7
    given = vectors.clone()
    mean, directions, shares = principal(vectors, 2)
    _, sizes, right = torch.linalg.svd(vectors.double() - vectors.double().mean(0))
    torch.testing.assert_close(mean, vectors.double().mean(0))
    torch.testing.assert_close((right[:2] @ directions).abs(), torch.eye(2).double())
    torch.testing.assert_close(shares, sizes.square() / sizes.square().sum())
    assert torch.equal(vectors, given)


def test_fp64_vectors_are_not_changed_and_equal_ones_have_no_variance():
    vectors = torch.ones(4, 3).double()
    _, _, shares = principal(vectors, 1)
    assert torch.equal(vectors, torch.ones(4, 3).double())
    assert torch.equal(shares, torch.zeros(3).double())
