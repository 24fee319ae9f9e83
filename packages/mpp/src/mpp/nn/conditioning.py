"""Physical parameters as inputs: a gain and a shift of all tokens (FiLM, Perez et al. 2018).

Normalization erases a field that is constant in space, which is why a parameter is not one. The
norms of blocks and head erase a gain or a shift here and there, but not both everywhere.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

SPAN = 9.99  # ratio of positive values from which their logarithm is used: 10, in any rounding
ROUNDING = 1e-6  # deviation / size below which values are one number


class Conditioning(nn.Module):
    """Linear map from parameters to gain and shift of each channel; all zeros at first.

    Values are made dimensionless by location and scale of the training data, which are buffers:
    another unit changes nothing. A value that is missing (NaN) has a row of its own.

    Args:
        parameters: Number of parameters.
        dim: Width of the tokens.
    """

    origin: Tensor
    scale: Tensor
    logarithmic: Tensor

    def __init__(self, parameters: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(parameters, 2, 2 * dim))  # value, lack of it
        self.register_buffer("origin", torch.zeros(parameters))
        self.register_buffer("scale", torch.zeros(parameters))  # 0: not measured
        self.register_buffer("logarithmic", torch.zeros(parameters, dtype=torch.bool))

    def forward(
        self,
        x: Float[Tensor, "batch time tokens dim"],
        values: Float[Tensor, "batch parameters"] | None = None,
    ) -> Float[Tensor, "batch time tokens dim"]:
        if values is None:
            values = self.origin.new_full((x.shape[0], len(self.origin)), math.nan)
        gain, shift = self.mapped(values).to(x.dtype)[:, None, None].chunk(2, -1)
        return x + x * gain + shift

    def mapped(self, values: Float[Tensor, "batch parameters"]) -> Float[Tensor, "batch twice_dim"]:
        """Gain and shift, in fp32 under autocast too."""
        with torch.autocast(values.device.type, enabled=False):
            values = values.to(self.origin.dtype)
            places = values.log().where(self.logarithmic, values)
            scaled = (places - self.origin) / self.scale
            known = scaled.isfinite()
            inputs = torch.stack([scaled.where(known, 0.0), (~known).to(scaled.dtype)], 2)
            return torch.einsum("bpk,pkd->bd", inputs.to(self.weight.dtype), self.weight)

    @torch.no_grad()
    def measure(self, values: Float[Tensor, "trajectories parameters"]) -> None:
        """Take location and scale of the parameters that have none yet.

        Mean and standard deviation, of the logarithm where all values are positive and span a
        factor of 10.

        Args:
            values: Values in the training data; NaN where a trajectory has none.
        """
        for number, column in enumerate(values.double().unbind(1)):
            own = column[column.isfinite()]
            if self.scale[number] > 0 or not len(own):
                continue
            self.logarithmic[number] = bool(own.min() > 0) and bool(own.max() > SPAN * own.min())
            own = own.log() if self.logarithmic[number] else own
            size = own.abs().max()
            scale = own.std(correction=0)
            self.origin[number] = own.mean()
            self.scale[number] = scale if scale > ROUNDING * size else size or 1.0
