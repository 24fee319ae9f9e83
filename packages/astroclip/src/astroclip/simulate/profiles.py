"""Light profiles as mixtures of Gaussians, which convolve with a Gaussian PSF exactly.

After Hogg & Lang (2013), for the exponential and the de Vaucouleurs profile; the weights here are
our own non-negative least-squares fit to the light in rings.
"""

import functools
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from scipy.optimize import nnls

Kind = Literal["exponential", "de_vaucouleurs"]
WIDTHS = {  # sigma of the Gaussians, in half-light radii
    "exponential": np.geomspace(0.11, 1.6, 6),
    "de_vaucouleurs": np.geomspace(0.025, 4.5, 7),
}
CUT = {
    "exponential": 5.0,
    "de_vaucouleurs": 8.0,
}  # truncation in half-light radii, as in the surveys' models


class Mixture(NamedTuple):
    """Concentric Gaussians.

    Args:
        weight: Weights; they sum to 1.
        variance: Variances along an axis, in half-light radii squared.
    """

    weight: Float64[np.ndarray, " gaussians"]
    variance: Float64[np.ndarray, " gaussians"]


@functools.cache
def mixture(kind: Kind) -> Mixture:
    """Mixture of a profile, of unit flux and unit half-light radius."""
    radius = np.geomspace(0.01, CUT[kind], 400)
    brightness = (
        np.exp(-1.67835 * radius)
        if kind == "exponential"
        else np.exp(-7.66925 * (radius**0.25 - 1))
    )
    variance = WIDTHS[kind] ** 2
    gauss = np.exp(-0.5 * radius[:, None] ** 2 / variance) / (2 * np.pi * variance)
    ring = radius * np.sqrt(radius)  # light per log radius, and the faint outskirts a bit less
    weight, _ = nnls(gauss * ring[:, None], brightness * ring)
    return Mixture(weight / weight.sum(), variance * _unit_radius(weight, variance))


def enclosed(
    mix: Mixture,
    radius: float,
    scale: Float[np.ndarray, " galaxies"],
    ratio: Float[np.ndarray, " galaxies"],
    blur: Float[np.ndarray, " galaxies"],
) -> Float[np.ndarray, " galaxies"]:
    """Fraction of the light within a circular aperture.

    An ellipse is treated as the circle of equal area.

    Args:
        mix: Profile.
        radius: Radius of the aperture, in any unit.
        scale: Half-light radius along the long axis, in the same unit.
        ratio: Axis ratio, short over long.
        blur: Sigma of the PSF, in the same unit.

    Returns:
        Enclosed fraction.
    """
    variance = scale[:, None] ** 2 * mix.variance
    long, short = variance + blur[:, None] ** 2, variance * ratio[:, None] ** 2 + blur[:, None] ** 2
    return (1 - np.exp(-0.5 * radius**2 / np.sqrt(long * short))) @ mix.weight


def _unit_radius(weight: np.ndarray, variance: np.ndarray) -> float:
    """Factor of the variances that makes the half-light radius 1."""
    low, high = 0.25, 4.0
    for _ in range(60):
        middle = np.sqrt(low * high)
        inside = (1 - np.exp(-0.5 / (variance * middle))) @ weight / weight.sum()
        low, high = (middle, high) if inside > 0.5 else (low, middle)
    return float(low)
