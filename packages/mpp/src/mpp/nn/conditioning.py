"""Physical parameters as inputs: one embedding of each, added to all tokens.

A normalized frame does not show a field that is constant in space, which is why a parameter is not
one.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

SPAN = 10  # ratio of positive values from which their logarithm is used
ROUNDING = 1e-6  # deviation / size below which values are one number


class Conditioning(nn.Module):
    """Linear map from parameters to the width of the tokens; all zeros at first.

    Values are made dimensionless by location and scale of the training data, which are buffers:
    another unit changes nothing. A value that is missing (NaN) has an embedding of its own.

    Args:
        parameters: Number of parameters.
        dim: Width of the tokens.
    """

    origin: Tensor
    scale: Tensor
    logarithmic: Tensor

    def __init__(self, parameters: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(parameters, 2, dim))  # of a value, of its lack
        self.register_buffer("origin", torch.zeros(parameters))
        self.register_buffer("scale", torch.zeros(parameters))  # 0: not measured
        self.register_buffer("logarithmic", torch.zeros(parameters, dtype=torch.bool))

    def forward(self, values: Float[Tensor, "batch parameters"]) -> Float[Tensor, "batch dim"]:
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

        Mean and standard deviation, of the logarithm where all values are positive and span more
        than a factor of 10.

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
