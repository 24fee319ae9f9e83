"""Does the attention count, even where the head does not? A ratio fitted to what it hands over.

Attention on ``n`` 1s and a constant rest gives ``z = (n v + D b) / (n + D)``, from which ``n`` is a
ratio of two affine functions of ``z``. Such a ratio, fitted to known counts, separates a circuit
that counts from a head that is not sharp enough to say so. It is not the paper's accuracy.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from contextual_counting.analysis.principal_components import principal

COMPONENTS = 12


class Readout(NamedTuple):
    """``n = (x v + c) / (1 - x w)`` of the principal components ``x`` of ``z``.

    Args:
        mean: Of ``z``.
        directions: Of its components.
        numerator: ``v``, and ``c`` behind it.
        denominator: ``w``.
    """

    mean: Float[Tensor, " dim"]
    directions: Float[Tensor, "dim components"]
    numerator: Float[Tensor, " terms"]
    denominator: Float[Tensor, " components"]

    def __call__(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """Real numbers, near the counts where the circuit counts."""
        x = (z.double() - self.mean) @ self.directions
        return (x @ self.numerator[:-1] + self.numerator[-1]) / (1 - x @ self.denominator)


def fit(z: Float[Tensor, "batch dim"], counts: Int64[Tensor, " batch"]) -> Readout:
    """Fit a region's readout by least squares, of ``n = x v + c + n (x w)``.

    Args:
        z: What the decoder attends to, of many sequences.
        counts: Theirs.

    Returns:
        The readout.
    """
    mean, directions, _ = principal(z, min(COMPONENTS, z.shape[1]))
    x, n = (z.double() - mean) @ directions, counts.double()[:, None]
    terms = torch.cat([x, torch.ones_like(n), n * x], 1)
    size = terms.norm(dim=0).clamp_min(1e-12)
    # gelsd: directions in which nothing varies are left alone
    found = torch.linalg.lstsq(terms / size, n, driver="gelsd").solution[:, 0] / size
    split = x.shape[1] + 1
    return Readout(mean, directions, found[:split], found[split:])


def exact(
    readout: Readout, z: Float[Tensor, "batch dim"], counts: Int64[Tensor, " batch"]
) -> float:
    """Share of counts that a readout gets right, rounded to the next whole number."""
    return ((readout(z) - counts).abs() < 0.5).double().mean().item()
