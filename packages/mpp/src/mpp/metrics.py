"""How far predicted frames are from the true ones.

Each gives one number per sample, step and field, so that the mean over samples is the same for
batches of any size. All are computed in fp64.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torchmetrics import Metric

Future = Float[Tensor, "batch steps fields *space"]
Scores = Float[Tensor, "batch steps fields"]
EPS = 1e-7  # of a mean square: the paper's code and The Well's have the same
ABOVE = 1e-6  # The Well's last cut lies that much above the largest wave number
BANDS = ("low", "middle", "high")


def nrmse(prediction: Future, target: Future) -> Scores:
    """Root mean square error over root mean square of the truth.

    ``sqrt(<(p - t)^2> / (<t^2> + 1e-7))`` with means over space; the root is taken before any mean
    over samples (McCabe et al. 2023, and PDEBench's nRMSE).

    Args:
        prediction: Any frames.
        target: The true ones.

    Returns:
        0 where exact, 1 for an answer of zeros.
    """
    truth = target.double()
    return _relative(mean_square(prediction.double() - truth), mean_square(truth))


def vrmse(prediction: Future, target: Future) -> Scores:
    """Root mean square error over the standard deviation of the truth.

    ``sqrt(<(p - t)^2> / (var(t) + 1e-7))`` over space (Ohana et al. 2024, with the unbiased
    variance of their ``the_well``). An offset of a field does not make it look small.

    Args:
        prediction: Any frames.
        target: The true ones.

    Returns:
        0 where exact, about 1 for the right mean everywhere.
    """
    truth = target.double()
    return _relative(mean_square(prediction.double() - truth), truth.flatten(3).var(-1))


def spectral_error(prediction: Future, target: Future) -> Float[Tensor, "batch steps fields bands"]:
    """NRMSE of low, middle and high wave numbers apart.

    The root of ``the_well``'s normalized binned spectral error (``binned_spectral_mse``): the
    squares of the error's Fourier coefficients in a band over those of the truth. With ``N`` points
    along the longest of ``D`` axes, the bands are cut at equal ratios between ``2 pi / N`` and
    ``sqrt(D) pi`` radians per point, the largest wave number; the first reaches down to 0, the mean
    included.

    Args:
        prediction: Any frames.
        target: The true ones.

    Returns:
        The error in each of ``BANDS``.
    """
    truth = target.double()
    return _relative(band_energy(prediction.double() - truth), band_energy(truth))


def drift(prediction: Future, before: Float[Tensor, "batch fields *space"]) -> Scores:
    """How far the mean over space went away from that of a frame before, over that one's RMS.

    Only of use for fields whose mean a system conserves (``Description.conserved``).

    Args:
        prediction: Any frames.
        before: A true frame.

    Returns:
        0 where it is conserved.
    """
    start = before.double().unsqueeze(1)
    moved = (prediction.double().flatten(3).mean(-1) - start.flatten(3).mean(-1)).abs()
    return moved / (mean_square(start) + EPS).sqrt()


def mean_square(frames: Future) -> Scores:
    """The mean of the squares over space."""
    return frames.square().flatten(3).mean(-1)


def band_energy(frames: Future) -> Float[Tensor, "batch steps fields bands"]:
    """The part of the mean square that lies in each band (they add up to it: Plancherel)."""
    return _shared_out(frames, bands(tuple(frames.shape[3:])), len(BANDS))


def spectrum(frames: Future) -> Float[Tensor, "batch steps fields shells"]:
    """The part of the mean square that lies at each whole number of waves.

    Args:
        frames: Any frames.

    Returns:
        Of 0, 1, 2 and so on waves along the longest axis, in any direction, to half its points.
    """
    space = frames.shape[3:]
    longest = max(space)
    shells = (wave_numbers(space) * longest / (2 * math.pi)).round().long()
    return _shared_out(frames, shells, int(shells.max()) + 1)[..., : longest // 2 + 1]


def _shared_out(frames: Future, owners: Int64[Tensor, "*space"], count: int) -> Tensor:
    """Add up the squares of the Fourier coefficients by owner."""
    squares = torch.fft.fftn(frames, dim=tuple(range(3, frames.ndim)), norm="forward").abs()
    total = squares.new_zeros(*frames.shape[:3], count)
    return total.index_add(3, owners.flatten().to(frames.device), squares.square().flatten(3))


@lru_cache(maxsize=64)
def bands(space: tuple[int, ...]) -> Int64[Tensor, "*space"]:
    """The band of each Fourier coefficient of a grid.

    Args:
        space: Its points along each axis.

    Returns:
        0, 1 or 2.
    """
    cuts = torch.tensor(band_cuts(space), dtype=torch.float64)
    return torch.bucketize(wave_numbers(space), cuts, right=True)


def band_cuts(space: Sequence[int]) -> list[float]:
    """Where the bands of a grid end, but the last, in radians per point."""
    first, last = 2 * math.pi / max(space), math.pi * math.sqrt(len(space)) + ABOVE
    return [first * (last / first) ** (part / len(BANDS)) for part in range(1, len(BANDS))]


def wave_numbers(space: Sequence[int]) -> Float[Tensor, "*space"]:
    """Radians per point of each Fourier coefficient of a grid, whatever its direction."""
    lines = [2 * math.pi * torch.fft.fftfreq(points, dtype=torch.float64) for points in space]
    return torch.stack(torch.meshgrid(*lines, indexing="ij")).square().sum(0).sqrt()


def _relative(error: Tensor, size: Tensor) -> Tensor:
    return (error / (size + EPS)).sqrt()


class SystemScores(Metric):
    """Mean error of each system at each step.

    Args:
        systems: How many there are.
        steps: Predicted frames.
    """

    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self, systems: int, steps: int) -> None:
        super().__init__()
        zeros = torch.zeros(systems, steps, dtype=torch.float64)
        self.add_state("total", zeros, dist_reduce_fx="sum")
        self.add_state("count", zeros[:, :1].clone(), dist_reduce_fx="sum")

    def update(self, system: int, errors: Scores) -> None:
        """Add the errors of a batch of a system."""
        self.total[system] += errors.sum((0, 2))
        self.count[system] += errors[:, 0].numel()

    def compute(self) -> Tensor:
        """As ``table``, but torchmetrics makes a scalar of a single number."""
        return self.total / self.count

    def table(self) -> Float64[Tensor, "systems steps"]:
        """The means; NaN where a system had no window."""
        return self.compute().reshape(self.total.shape)
