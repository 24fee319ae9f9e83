"""Each sample and field in its own units: the reversible instance norm, and the size of a step."""

from typing import Literal, NamedTuple, get_args

from jaxtyping import Float
from torch import Tensor

Target = Literal["next", "change"]
TARGETS = get_args(Target)
EPS = 1e-7  # of the original


class Units(NamedTuple):
    """What a field is measured in.

    Args:
        origin: What is subtracted.
        size: What is divided by.
    """

    origin: Float[Tensor, "batch 1 fields *ones"]
    size: Float[Tensor, "batch 1 fields *ones"]


def units(frames: Float[Tensor, "batch time fields *space"]) -> Units:
    """Mean and unbiased deviation over time and space of each field (Kim et al. 2022).

    They are constants: no gradient flows through them, as in the paper's code.
    """
    over = (1, *range(3, frames.ndim))
    x = frames.detach()
    points = x[0, :, 0].numel()
    origin = x.mean(over, keepdim=True)
    square = (x - origin).square().sum(over, keepdim=True)  # a third of the time of std_mean
    return Units(origin, (square / max(points - 1, 1)).sqrt() + EPS)  # a single point has none


def step_units(frames: Float[Tensor, "batch time fields *space"], state: Units) -> Units:
    """The last frame, and the root mean square of the differences between frames.

    A prediction of zeros is then persistence. Without a history a step is measured as the state is.
    """
    last = frames[:, -1:]
    if frames.shape[1] == 1:
        return Units(last, state.size)
    differences = frames.detach().diff(dim=1)
    over = (1, *range(3, frames.ndim))
    return Units(last, differences.square().mean(over, keepdim=True).sqrt())
