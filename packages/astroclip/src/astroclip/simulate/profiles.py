"""Profiles of galaxies as mixtures of Gaussians, which a Gaussian PSF blurs exactly.

Hogg & Lang (2013) approximate the exponential and the de Vaucouleurs profile so; weights and widths
here are our own fit, of non-negative least squares to the light in rings.
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
CUT = {"exponential": 5.0, "de_vaucouleurs": 8.0}  # half-light radii at which surveys end them


class Mixture(NamedTuple):
    """Gaussians about one center.

    Args:
        weight: Of each; they sum to 1.
        variance: Of each along an axis, in half-light radii squared.
    """

    weight: Float64[np.ndarray, " gaussians"]
    variance: Float64[np.ndarray, " gaussians"]


@functools.cache
def mixture(kind: Kind) -> Mixture:
    """The mixture that stands for a profile.

    Args:
        kind: Which.

    Returns:
        Its Gaussians, of unit flux and unit half-light radius.
    """
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
    """Share of the light within a circle.

    An ellipse counts as the circle of its area.

    Args:
        mix: The profile.
        radius: Of the circle, in any unit.
        scale: Half-light radius along the long axis, in the same.
        ratio: Of the short axis to the long.
        blur: Sigma of the PSF, in the same.

    Returns:
        The share.
    """
    variance = scale[:, None] ** 2 * mix.variance
    long, short = variance + blur[:, None] ** 2, variance * ratio[:, None] ** 2 + blur[:, None] ** 2
    return (1 - np.exp(-0.5 * radius**2 / np.sqrt(long * short))) @ mix.weight


def _unit_radius(weight: np.ndarray, variance: np.ndarray) -> float:
    """What the variances are multiplied with so that half the light is within 1."""
    low, high = 0.25, 4.0
    for _ in range(60):
        middle = np.sqrt(low * high)
        inside = (1 - np.exp(-0.5 / (variance * middle))) @ weight / weight.sum()
        low, high = (middle, high) if inside > 0.5 else (low, middle)
    return float(low)
