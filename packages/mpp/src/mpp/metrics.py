"""Errors of predicted frames: NRMSE, VRMSE, spectral error, drift of conserved means.

Each returns one number per sample, step and field, so that means over samples do not depend on the
batch size. All are computed in fp64, over the points of the domain: obstacles and land are left out
(and are 0 in the spectra). ``s`` is the size of a field over the data set (by default over the true
frames given), so that errors do not depend on units; it is 1 in the papers' code.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torchmetrics import Metric

from mpp.sizes import FLOOR, KINDS, Sizes, sizes_of

Future = Float[Tensor, "batch steps fields *space"]
Scores = Float[Tensor, "batch steps fields"]
Inside = Float[Tensor, "batch 1 *space"] | None  # 1 in the domain, 0 at obstacles; None is 1
ABOVE = 1e-6  # The Well's last cut lies that much above the largest wave number
BANDS = ("low", "middle", "high")


def nrmse(
    prediction: Future, target: Future, sizes: Sizes | None = None, inside: Inside = None
) -> Scores:
    """Normalized RMSE: root mean square error over the root mean square of the truth.

    ``sqrt(<(p - t)^2> / (<t^2> + 1e-7 s^2))`` with means over space; the root is taken before any
    mean over samples (McCabe et al. 2023, and PDEBench's nRMSE). 0 is exact, 1 the error of zeros.
    """
    truth = target.double()
    error = mean_square(prediction.double() - truth, inside)
    return _relative(error, mean_square(truth, inside), _floor("square", target, sizes))


def vrmse(
    prediction: Future, target: Future, sizes: Sizes | None = None, inside: Inside = None
) -> Scores:
    """Variance-scaled RMSE: root mean square error over the standard deviation of the truth.

    ``sqrt(<(p - t)^2> / (var(t) + 1e-7 s^2))`` over space (Ohana et al. 2024, with the unbiased
    variance of their ``the_well``). Unlike NRMSE it does not depend on a field's mean. 0 is exact,
    1 the error of the right mean everywhere.
    """
    truth = target.double()
    error = mean_square(prediction.double() - truth, inside)
    return _relative(error, variance(truth, inside), _floor("variance", target, sizes))


def spectral_error(
    prediction: Future, target: Future, sizes: Sizes | None = None
) -> Float[Tensor, "batch steps fields bands"]:
    """NRMSE in three bands of wave numbers: low, middle and high (``BANDS``).

    Square root of The Well's ``binned_spectral_mse``: power of the error over power of the truth in
    each band. With ``N`` points along the longest of ``D`` axes, the band limits are spaced
    logarithmically between ``2 pi / N`` and ``sqrt(D) pi`` radians per point, the largest wave
    number; the first band includes the mean.
    """
    truth = target.double()
    floor = _floor("variance", target, sizes)[:, None]
    return _relative(band_energy(prediction.double() - truth), band_energy(truth), floor)


def drift(
    prediction: Future,
    before: Float[Tensor, "batch fields *space"],
    sizes: Sizes | None = None,
    inside: Inside = None,
) -> Scores:
    """Change of a field's spatial mean since an earlier frame, over the RMS of that frame.

    Only meaningful for conserved fields (``Description.conserved``), where 0 is exact.

    Args:
        prediction: Predicted frames.
        before: True frame at the earlier time.
        sizes: Sizes of the fields over the data set; by default over ``before``.
        inside: 1 at points of the domain, 0 outside.

    Returns:
        Relative drift.
    """
    start = before.double().unsqueeze(1)
    moved = (_mean(prediction.double(), inside) - _mean(start, inside)).abs()
    return moved / (mean_square(start, inside) + _floor("square", start, sizes)).sqrt()


def mean_square(frames: Future, inside: Inside = None) -> Scores:
    """Mean square over the points of the domain."""
    return _mean(frames.square(), inside)


def variance(frames: Future, inside: Inside = None) -> Scores:
    """Unbiased variance over the points of the domain."""
    if inside is None:
        return frames.flatten(3).var(-1)
    points = inside.double().flatten(1).sum(1)[:, None, None]
    centered = frames - _mean(frames, inside)[(..., *(None,) * (frames.ndim - 3))]
    return _mean(centered.square(), inside) * points / (points - 1)


def _mean(values: Future, inside: Inside) -> Scores:
    """Mean over the points of the domain."""
    if inside is None:
        return values.flatten(3).mean(-1)
    weight = inside.to(values)[:, None]
    return (values * weight).flatten(3).sum(-1) / weight.flatten(3).sum(-1)


def band_energy(frames: Future) -> Float[Tensor, "batch steps fields bands"]:
    """Power in each band of wave numbers; the bands sum to the mean square (Plancherel)."""
    return _shared_out(frames, bands(tuple(frames.shape[3:])), len(BANDS))


def spectrum(frames: Future) -> Float[Tensor, "batch steps fields shells"]:
    """Power spectrum: mean square by integer wave number of the longest axis, to half its size."""
    space = frames.shape[3:]
    longest = max(space)
    shells = (wave_numbers(space) * longest / (2 * math.pi)).round().long()
    return _shared_out(frames, shells, int(shells.max()) + 1)[..., : longest // 2 + 1]


def _shared_out(frames: Future, owners: Int64[Tensor, "*space"], count: int) -> Tensor:
    """Sum the power of the Fourier coefficients by shell or band."""
    squares = torch.fft.fftn(frames, dim=tuple(range(3, frames.ndim)), norm="forward").abs()
    total = squares.new_zeros(*frames.shape[:3], count)
    return total.index_add(3, owners.flatten().to(frames.device), squares.square().flatten(3))


@lru_cache(maxsize=64)
def bands(space: tuple[int, ...]) -> Int64[Tensor, "*space"]:
    """Band (0, 1 or 2) of each Fourier coefficient of a grid."""
    cuts = torch.tensor(band_cuts(space), dtype=torch.float64)
    return torch.bucketize(wave_numbers(space), cuts, right=True)


def band_cuts(space: Sequence[int]) -> list[float]:
    """Upper limits of all bands but the last, in radians per point."""
    first, last = 2 * math.pi / max(space), math.pi * math.sqrt(len(space)) + ABOVE
    return [first * (last / first) ** (part / len(BANDS)) for part in range(1, len(BANDS))]


def wave_numbers(space: Sequence[int]) -> Float[Tensor, "*space"]:
    """Length of the wave vector of each Fourier coefficient, in radians per point."""
    lines = [2 * math.pi * torch.fft.fftfreq(points, dtype=torch.float64) for points in space]
    return torch.stack(torch.meshgrid(*lines, indexing="ij")).square().sum(0).sqrt()


def _floor(kind: str, target: Future, sizes: Sizes | None) -> Float64[Tensor, " fields"]:
    found = sizes_of([target]) if sizes is None else sizes
    return FLOOR * found[KINDS.index(kind)].double().square()


def _relative(error: Tensor, size: Tensor, floor: Tensor) -> Tensor:
    return (error / (size + floor)).sqrt()


class SystemScores(Metric):
    """Mean error of each system at each predicted step.

    Args:
        systems: Number of systems.
        steps: Number of predicted frames.
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
        """Add the errors of a batch of one system."""
        self.total[system] += errors.sum((0, 2))
        self.count[system] += errors[:, 0].numel()

    def compute(self) -> Tensor:
        """Means like ``table``; torchmetrics squeezes a single number to a scalar."""
        return self.total / self.count

    def table(self) -> Float64[Tensor, "systems steps"]:
        """Mean errors; NaN for a system without windows."""
        return self.compute().reshape(self.total.shape)
