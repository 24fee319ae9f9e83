"""Axial Vision Transformer (AViT) of Multiple Physics Pretraining (McCabe et al. 2023, 2310.02994).

One network for many physical systems: any fields of its vocabulary, any number of past frames, any
size of the domain, and a boundary condition for each axis.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from mpp.nn.block import SpaceTimeBlock
from mpp.nn.conditioning import Conditioning
from mpp.nn.normalization import TARGETS, Target, Units, power_of_two, step_units, units
from mpp.nn.position_bias import Bias
from mpp.nn.stem import Head, Stem, tokens_along
from mpp.simulate.boundary import Boundary, name_boundaries
from sciformer.arguments import ArgumentError, check_least


class Size(NamedTuple):
    """Width, depth and heads of a network."""

    dim: int
    depth: int
    heads: int


SIZES = {  # the paper's models
    "Ti": Size(192, 12, 3),
    "S": Size(384, 12, 6),
    "B": Size(768, 12, 12),
    "L": Size(1024, 24, 16),
}
OPEN: tuple[Boundary, ...] = ("open",)
EPS, LEGACY_EPS = (
    1e-3,
    1e-8,
)  # added to standard deviations; with the original's a uniform frame overflows


class AViT(nn.Module):
    """Predict the next frame of some fields from the frames before it.

    normalize -> stem -> blocks of temporal and axial attention -> head -> denormalize.

    A domain that is no multiple of the patch is padded, and the output cropped: circularly on a
    periodic axis, with the edge value on an open one, with zeros (the mean) at a wall.
    Normalization uses the domain alone. A field in another unit, however large or small, is
    predicted in that unit. Along a periodic axis of whole patches the network is equivariant to
    shifts by whole patches. Frames of fewer space axes than the network's get further axes of one
    point.

    Raises ``ValueError`` for sizes that do not fit together.

    Args:
        fields: Number of fields in the vocabulary.
        size: A model of the paper, ``Ti``, ``S``, ``B`` or ``L``, or (dim, depth, heads): width, a
            multiple of 4 and of heads; number of blocks; attention heads.
        patch: Strides of the stages of stem and head, in points; (4, 2, 2) is a patch of 16.
        axes: Number of space axes: 1, 2 or 3.
        halo: Points by which the first kernel of the stem overlaps its neighbors on each side.
        bias: Position bias of the attention: ``relative``, ``continuous`` or ``none``.
        target: Output of the network: the ``next`` state, or the ``change`` since the last frame in
            units of the RMS change between the frames of the history.
        legacy: Compute as the original does: inexact distances along periodic axes, and an eps of
            1e-8 instead of 1e-3 in the norms.
        layer_scale: Initial value of the gain of each residual branch.
        drop_path: Probability that a sample's branch of the last block is dropped; it rises
            linearly from 0 at the first block. The paper's runs had 0.2.
    """

    def __init__(
        self,
        fields: int = 12,
        size: str | Sequence[int] = "Ti",
        patch: Sequence[int] = (4, 2, 2),
        axes: int = 2,
        halo: int = 0,
        bias: Bias = "relative",
        target: Target = "change",
        legacy: bool = False,
        layer_scale: float = 1e-6,
        drop_path: float = 0.2,
    ) -> None:
        super().__init__()
        dim, depth, heads = find_size(size)
        stages = tuple(patch)
        _check(fields, dim, stages, axes, halo, target)
        if not 0 <= drop_path < 1:
            raise ArgumentError("drop_path", f"{drop_path} is not in [0, 1)")
        if not math.isfinite(layer_scale):
            raise ArgumentError("layer_scale", f"{layer_scale} is not finite")
        eps = LEGACY_EPS if legacy else EPS
        self.dim, self.axes = dim, axes
        self.patch = math.prod(stages)
        self.target = target
        self.stem = Stem(fields, dim, stages, axes, halo, eps)
        self.blocks = nn.ModuleList(
            SpaceTimeBlock(
                dim, heads, bias, legacy, eps, layer_scale, drop_path * i / max(depth - 1, 1)
            )
            for i in range(depth)
        )
        self.head = Head(fields, dim, stages, axes, eps)
        self.conditioning: Conditioning | None = None

    def condition(self, parameters: int) -> "AViT":
        """Take so many physical parameters as inputs; they have no effect until trained."""
        self.conditioning = Conditioning(parameters, self.dim) if parameters else None
        return self

    def forward(
        self,
        frames: Float[Tensor, "batch time fields *space"],
        fields: Int64[Tensor, " fields"],
        boundaries: Sequence[Boundary | int],
        parameters: Float[Tensor, "batch parameters"] | None = None,
    ) -> Float[Tensor, "batch fields *space"]:
        """Predict the frame after the last.

        Args:
            frames: History, of any length.
            fields: Vocabulary row of each field.
            boundaries: ``periodic``, ``open`` or ``wall`` for each axis of space, or whether it is
                periodic.
            parameters: Physical parameters, in their units; NaN, or None for all, is unknown.

        Returns:
            Frame in the units of ``frames``; at least fp32.
        """
        kinds = name_boundaries(boundaries, frames.ndim - 3)
        missing = self.axes - len(kinds)
        if missing < 0 or not kinds or frames.shape[2] != len(fields):
            raise ValueError(
                f"frames of shape {tuple(frames.shape)} are not (batch, time, field, *space) of "
                f"{len(fields)} fields and at most {self.axes} axes of space"
            )
        taken = 0 if self.conditioning is None else len(self.conditioning.weight)
        if parameters is not None and parameters.shape[1] != taken:
            raise ValueError(f"parameters: {parameters.shape[1]}, but the network takes {taken}")
        # Mean and deviation are differences of large numbers: fp32, under autocast too.
        wide = frames.to(torch.promote_types(frames.dtype, torch.float32))
        wide = wide[(..., *(None,) * missing)]
        scale = power_of_two(wide)
        wide = wide / scale
        state = units(wide)
        size = state.size.where(state.size > 0, 1.0)  # else 0 / 0
        x = ((wide - state.origin) / size).to(self.stem.kernel.dtype)
        y = self.decoded(x, fields, kinds + missing * OPEN, parameters).to(wide.dtype)
        out = self.to_state(y, wide, state) * scale[:, 0]
        return out[(..., *(0,) * missing)] if missing else out

    def decoded(
        self,
        x: Float[Tensor, "batch time fields *space"],
        fields: Int64[Tensor, " fields"],
        boundaries: tuple[Boundary, ...],
        parameters: Float[Tensor, "batch parameters"] | None = None,
    ) -> Float[Tensor, "batch fields *space"]:
        """Apply the network to normalized frames."""
        batch, time, _, *space = x.shape
        grid = tuple(tokens_along(size, self.patch) for size in space)
        x = self.stem(x.flatten(0, 1), fields, boundaries).unflatten(0, (batch, time))
        # The residual stream stays in the dtype of the weights: bf16 would lose small branches.
        x = x.to(self.stem.kernel.dtype)
        if self.conditioning is not None:
            x = self.conditioning(x, parameters)
        for block in self.blocks:
            x = block(x, grid, boundaries, last=block is self.blocks[-1])
        y = self.head(x[:, -1], fields, grid)
        return y[(..., *(slice(size) for size in space))]

    def to_state(
        self,
        y: Float[Tensor, "batch fields *space"],
        frames: Float[Tensor, "batch time fields *space"],
        state: Units,
    ) -> Float[Tensor, "batch fields *space"]:
        """Convert the network's output from normalized to physical units."""
        origin, size = state if self.target == "next" else step_units(frames, state)
        return y * size[:, 0] + origin[:, 0]


def find_size(size: str | Sequence[int]) -> Size:
    """Width, depth and heads of a model name or of three numbers; else ``ValueError``."""
    if isinstance(size, str):
        if size not in SIZES:
            raise ArgumentError("size", f"{size!r} is none of {', '.join(SIZES)}")
        return SIZES[size]
    if len(size) != 3:
        raise ArgumentError("size", f"{list(size)} is not [dim, depth, heads]")
    dim, _, heads = size
    if min(size) < 1 or dim % heads:
        reason = f"{list(size)}: one is below 1, or {heads} heads do not divide a width of {dim}"
        raise ArgumentError("size", reason)
    return Size(*size)


def _check(
    fields: int, dim: int, stages: tuple[int, ...], axes: int, halo: int, target: str
) -> None:
    if dim % 4 or dim < 4:
        raise ArgumentError("size", f"a width of {dim} is no multiple of 4")
    if not stages or min(stages) < 1:
        raise ArgumentError("patch", f"{list(stages)} is no list of strides")
    if axes not in (1, 2, 3):
        raise ArgumentError("axes", f"{axes} is none of 1, 2, 3")
    check_least(fields=(fields, 1), halo=(halo, 0))
    if target not in TARGETS:
        raise ArgumentError("target", f"{target!r} is none of {', '.join(TARGETS)}")
