"""Patches of patches: as convolutions see them, and back."""

import pytest
import torch
from torch.nn.functional import conv2d

from mpp.nn.stem import cut, extend, join


@pytest.mark.parametrize("space", [(16,), (8, 24), (8, 16, 8)])
@pytest.mark.parametrize("stages", [(8,), (4, 2), (2, 2, 2), (1, 4, 2)])
def test_what_is_cut_is_joined_again(space, stages):
    x = torch.randn(2, 3, *space)
    windows = cut(x, stages, halo=0)
    assert windows.shape[2] == 3 * stages[0] ** len(space)
    assert torch.equal(join(windows, stages, tuple(size // 8 for size in space)), x)


def test_windows_of_a_token_lie_together():
    x = torch.arange(8.0).view(1, 1, 8)
    assert cut(x, (2, 2), halo=0).flatten().tolist() == list(range(8))
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert cut(x, (1, 2), halo=0).flatten().tolist()[:8] == [0, 1, 4, 5, 2, 3, 6, 7]


def test_a_halo_is_a_wider_kernel():
    x, kernel = torch.randn(2, 3, 8, 12), torch.randn(5, 3, 6, 6)
    wider = extend(x, ("open", "periodic"), patch=4, halo=1)
    assert wider.shape == (2, 3, 10, 14)
    ours = cut(wider, (4,), halo=1) @ kernel.flatten(1).T
    theirs = conv2d(wider, kernel, stride=4).permute(0, 2, 3, 1).flatten(1, 2)
    assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(
    ("boundary", "expected"),
    [
        ("periodic", [4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5]),
        ("open", [1, 1, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5]),
        ("wall", [0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0]),
    ],
)
def test_an_axis_goes_on_as_its_boundary_says(boundary, expected):
    x = torch.arange(1.0, 6.0).view(1, 1, 5)
    assert extend(x, (boundary,), patch=4, halo=2).flatten().tolist() == expected


def test_whole_patches_without_halo_stay_as_they_are():
    x = torch.randn(1, 1, 8, 8)
    assert extend(x, ("periodic", "wall"), patch=4, halo=0) is x
