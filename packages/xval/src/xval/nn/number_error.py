"""Errors of predicted numbers in the loss: the paper's squared one, and an absolute one."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import mse_loss, smooth_l1_loss

NumberError = Literal["squared", "absolute"]
ROUNDING = 1e-3  # of an absolute error: below it, half its square over it


def number_errors(
    values: Float[Tensor, " at"], numbers: Float[Tensor, " at"], kind: NumberError
) -> Float[Tensor, " at"]:
    """Loss of each value, in normalized units.

    Args:
        values: Predictions.
        numbers: True values.
        kind: ``squared`` as in the paper (section 2), or ``absolute``.

    Returns:
        The errors.
    """
    if kind == "absolute":
        return smooth_l1_loss(values, numbers, reduction="none", beta=ROUNDING)
    return mse_loss(values, numbers, reduction="none")
