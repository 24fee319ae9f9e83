"""Ratio readout: a probe of whether the decoder's attention holds the counts.

Attention on ``n`` 1s and a constant bias gives ``z = (n v + D b) / (n + D)``, so ``n`` is a ratio
of two affine functions of ``z``. Fitting such a ratio to known counts tells a circuit that counts
from a head that is not sharp enough. It is not the paper's accuracy.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sciformer.interpret.components import principal

COMPONENTS = 12


class Readout(NamedTuple):
    """``n = (x v + c) / (1 - x w)`` with ``x`` the principal components of ``z``.

    Args:
        mean: Mean of ``z``.
        directions: Principal directions of ``z``.
        numerator: ``v``, followed by ``c``.
        denominator: ``w``.
    """

    mean: Float[Tensor, " dim"]
    directions: Float[Tensor, "dim components"]
    numerator: Float[Tensor, " terms"]
    denominator: Float[Tensor, " components"]

    def __call__(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """Real-valued counts."""
        x = (z.double() - self.mean) @ self.directions
        return (x @ self.numerator[:-1] + self.numerator[-1]) / (1 - x @ self.denominator)


def fit(z: Float[Tensor, "batch dim"], counts: Int64[Tensor, " batch"]) -> Readout:
    """Fit a region's readout by least squares of ``n = x v + c + n (x w)``.

    Args:
        z: Decoder attention outputs, one row per sequence.
        counts: True counts.

    Returns:
        The fitted readout.
    """
    mean, directions, _ = principal(z, min(COMPONENTS, z.shape[1]))
    x, n = (z.double() - mean) @ directions, counts.double()[:, None]
    terms = torch.cat([x, torch.ones_like(n), n * x], 1)
    size = terms.norm(dim=0).clamp_min(1e-12)
    # gelsd: minimum-norm solution along directions without variance
    found = torch.linalg.lstsq(terms / size, n, driver="gelsd").solution[:, 0] / size
    split = x.shape[1] + 1
    return Readout(mean, directions, found[:split], found[split:])


def exact(
    readout: Readout, z: Float[Tensor, "batch dim"], counts: Int64[Tensor, " batch"]
) -> float:
    """Fraction of counts that a readout gets right after rounding."""
    return ((readout(z) - counts).abs() < 0.5).double().mean().item()
