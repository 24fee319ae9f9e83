"""From fields to tokens and back: the hMLP stem (Touvron et al. 2022) and its inverse.

The original embeds every field at every point and convolves the result; the two linear maps are one
here, made for the fields that are present. The embedding at full resolution, 64 times as large as
the tokens, is never written.
"""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import gelu

from mpp.nn.bias import Boundary
from mpp.nn.linear import Linear, linear
from mpp.nn.norm import DeviationNorm
from mpp.nn.patches import cut, extend, join


class Stem(nn.Module):
    """Patches of the fields that are present -> tokens.

    Each stage is a convolution as wide as its stride; between stages norm and GELU, after the last
    the norm alone.

    Args:
        fields: Rows of the vocabulary.
        dim: Width of the tokens; a multiple of 4.
        stages: Strides, the first in points; their product is the patch.
        axes: Of space.
        halo: Points by which the first kernel is wider on each side.
        eps: Of the norms.
    """

    def __init__(
        self, fields: int, dim: int, stages: tuple[int, ...], axes: int, halo: int, eps: float
    ) -> None:
        super().__init__()
        self.stages = stages
        self.halo = halo
        hidden = dim // 4
        widths = [hidden] * (len(stages) - 1) + [dim]
        points = (stages[0] + 2 * halo) ** axes
        self.field_weight = nn.Parameter(torch.empty(hidden, fields))
        self.field_bias = nn.Parameter(torch.empty(hidden))
        self.kernel = nn.Parameter(torch.empty(widths[0], hidden, points))
        self.merges = nn.ModuleList(
            Linear(stage**axes * hidden, width, bias=False)
            for stage, width in zip(stages[1:], widths[1:], strict=True)
        )
        self.gathered = [stage**axes * hidden for stage in stages[1:]]
        self.norms = nn.ModuleList(DeviationNorm(width, eps) for width in widths)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform within 1 / sqrt(number of inputs), as the original's layers start."""
        uniform(self.field_weight, self.field_weight.shape[1])
        uniform(self.field_bias, self.field_weight.shape[1])
        uniform(self.kernel, self.kernel[0].numel())

    def forward(
        self,
        x: Float[Tensor, "frames fields *space"],
        fields: Int64[Tensor, " fields"],
        boundaries: tuple[Boundary, ...],
    ) -> Float[Tensor, "frames tokens dim"]:
        x = extend(x, boundaries, math.prod(self.stages), self.halo)
        x = cut(x, self.stages, self.halo)
        x = self.norms[0](linear(x, *self.merged(fields)))
        stages = zip(self.gathered, self.merges, self.norms[1:], strict=True)
        for gathered, merge, norm in stages:  # neighbours lie together
            x = norm(merge(gelu(x).reshape(len(x), -1, gathered)))
        return x

    def merged(
        self, fields: Int64[Tensor, " fields"]
    ) -> tuple[Float[Tensor, "width values"], Float[Tensor, " width"]]:
        """Embedding and first convolution as one; in fp32, as it is rounded when it is used."""
        with torch.autocast(self.kernel.device.type, enabled=False):
            rows = self.field_weight.index_select(1, fields)
            weight = torch.einsum("oip,if->ofp", self.kernel, rows).flatten(1)
            return weight, self.kernel.sum(2) @ self.field_bias


class Head(nn.Module):
    """Tokens -> patches of the fields that are asked for.

    Args:
        fields: Rows of the vocabulary.
        dim: Width of the tokens; a multiple of 4.
        stages: Strides, the first in points; their product is the patch.
        axes: Of space.
        eps: Of the norms.
    """

    def __init__(
        self, fields: int, dim: int, stages: tuple[int, ...], axes: int, eps: float
    ) -> None:
        super().__init__()
        self.stages = stages
        hidden = dim // 4
        inner = list(reversed(stages[1:]))
        widths = [dim] + [hidden] * len(inner)
        self.splits = nn.ModuleList(
            Linear(width, stage**axes * hidden, bias=False)
            for stage, width in zip(inner, widths, strict=False)
        )
        self.norms = nn.ModuleList(DeviationNorm(hidden, eps) for _ in inner)
        self.hidden = hidden
        self.kernel = nn.Parameter(torch.empty(widths[-1], fields, stages[0] ** axes))
        self.bias = nn.Parameter(torch.empty(fields))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform within 1 / sqrt(fields x points), as the original's layer starts."""
        uniform(self.kernel, self.kernel[0].numel())
        uniform(self.bias, self.kernel[0].numel())

    def forward(
        self,
        x: Float[Tensor, "frames tokens dim"],
        fields: Int64[Tensor, " fields"],
        grid: tuple[int, ...],
    ) -> Float[Tensor, "frames fields *covered"]:
        for split, norm in zip(self.splits, self.norms, strict=True):
            x = gelu(norm(split(x).reshape(len(x), -1, self.hidden)))
        weight = self.kernel.index_select(1, fields)
        bias = self.bias.index_select(0, fields).repeat_interleave(weight.shape[2])
        return join(linear(x, weight.flatten(1).T, bias), self.stages, grid)


def uniform(parameter: Tensor, inputs: int) -> None:
    """Draw from within 1 / sqrt(inputs)."""
    bound = inputs**-0.5
    nn.init.uniform_(parameter, -bound, bound)
