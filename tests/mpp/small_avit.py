"""Small AViTs, and what they are given."""

import torch

from mpp.nn.model import AViT

FIELDS = torch.tensor([3, 0])
# fp32 sums in another order, on answers of order one.
SUMS = 1e-5


def make(size=(32, 2, 2), patch=(2, 2), seed=0, **options):
    """A small network whose branches are as large as its stream, in eval mode."""
    torch.manual_seed(seed)
    options = {"fields": 5, "layer_scale": 1.0, **options}
    return AViT(size=size, patch=patch, **options).eval().requires_grad_(False)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
