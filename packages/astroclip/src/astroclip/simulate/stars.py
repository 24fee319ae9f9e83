"""Stellar population templates by age and metallicity at rest wavelengths, and dust attenuation.

A template is a black body with a Balmer break, a 4000 A break and absorption lines of hydrogen and
metals: realistic enough to train on. Wavelengths are in vacuum.
"""

import functools
import itertools

import numpy as np
from jaxtyping import Float, Float64
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit

from astroclip.simulate.cosmology import LIGHT

REST = np.arange(1750.0, 10_500.0)  # Angstrom
AGES = np.array([0.05, 1.0, 3.0, 11.0])  # Gyr: young, intermediate, and two that bracket the old
METALLICITIES = np.array([-0.7, -0.1, 0.5])  # log10 of solar
DISPERSIONS = np.array([60.0, 160.0, 320.0])  # km / s
POPULATIONS = len(AGES) * len(METALLICITIES)

SOLAR_V = 5.2e29  # erg / s / A, of the sun at 5500 A (M_V = 4.81)
V = 5500.0  # A
_TEMPERATURES = (26_000.0, 8_800.0, 5_500.0, 4_850.0)  # K
_COOLING = (0.0, 0.0, 250.0, 250.0)  # K per dex of metals
_LIGHT_TO_MASS = (18.0, 2.2, 0.75, 0.27)  # in V, solar units
_BALMER_BREAK = (0.15, 0.5, 0.12, 0.0)  # fraction of light lost blueward of 3700 A
_METAL_BREAK = (0.0, 0.05, 0.30, 0.38)  # likewise of 4000 A, at solar metallicity

# Equivalent widths in Angstrom in young, intermediate and old stars; sigma in Angstrom.
_HYDROGEN = (2.5, 8.0, 1.6)
_SERIES = (6564.61, 4862.68, 4341.68, 4102.89, 3971.19, 3890.15, 3836.47, 3798.98, 3771.70, 3751.22)
_SERIES_SHARE = (0.5, 0.85, 0.95, 1.0, 0.9, 0.85, 0.75, 0.6, 0.5, 0.4)
_HYDROGEN_SIGMA = 7.0
# Metal lines: wavelength, equivalent width in old stars at solar metallicity, sigma (Angstrom)
_METALS = (
    (2800.0, 14.0, 12.0),  # Mg II
    (2852.0, 8.0, 8.0),
    (3095.0, 9.0, 20.0),
    (3360.0, 6.0, 16.0),
    (3581.0, 6.0, 10.0),
    (3735.0, 6.0, 10.0),
    (3830.0, 9.0, 12.0),  # CN and Mg
    (3934.78, 9.0, 6.5),  # Ca K
    (3969.59, 7.0, 6.0),  # Ca H
    (4170.0, 2.5, 20.0),  # CN
    (4227.9, 1.3, 3.0),
    (4305.6, 6.0, 9.0),  # G band
    (4384.8, 3.5, 6.0),
    (4532.0, 2.8, 10.0),
    (4669.0, 4.5, 16.0),  # C2
    (5017.0, 3.5, 12.0),
    (5150.0, 5.0, 35.0),  # MgH
    (5168.74, 1.3, 2.6),  # Mg b
    (5174.14, 1.6, 2.6),
    (5185.05, 1.6, 2.6),
    (5271.0, 2.6, 5.0),
    (5336.0, 2.2, 5.0),
    (5407.0, 1.5, 5.0),
    (5710.0, 0.9, 5.0),
    (5783.0, 0.8, 5.0),
    (5891.58, 2.0, 2.2),  # Na D
    (5897.56, 1.5, 2.2),
    (5955.0, 2.5, 22.0),  # TiO
    (6232.0, 6.0, 40.0),
    (6498.0, 1.2, 6.0),
    (7120.0, 8.0, 50.0),
    (7700.0, 6.0, 50.0),
    (8195.0, 1.0, 5.0),
    (8440.0, 5.0, 35.0),
    (8500.36, 1.4, 2.8),  # Ca triplet
    (8544.44, 3.2, 3.2),
    (8664.52, 2.8, 3.2),
    (8870.0, 5.0, 30.0),
)
_METALS_AT_AGE = (0.06, 0.25, 0.8, 1.0)
_METALS_SLOPE = 0.4  # slope of equivalent widths with metallicity, dex per dex


@functools.cache
def templates() -> Float64[np.ndarray, "dispersions populations rest"]:
    """Luminosities in erg / s / A per solar mass at ``REST``; metallicity varies fastest."""
    sharp = np.stack(
        [_template(age, metals) for age, metals in itertools.product(range(4), METALLICITIES)]
    )
    return np.stack([_broadened(sharp, dispersion) for dispersion in DISPERSIONS])


def mixture(
    fractions: Float64[np.ndarray, "galaxies ages"], metallicity: Float64[np.ndarray, " galaxies"]
) -> Float64[np.ndarray, "galaxies populations"]:
    """Distribute masses over the templates of the two nearest metallicities.

    Args:
        fractions: Masses by age.
        metallicity: log10 of solar.

    Returns:
        Masses of the templates.
    """
    shares = hats(metallicity, METALLICITIES)
    return (fractions[:, :, None] * shares[:, None, :]).reshape(len(fractions), POPULATIONS)


def hats(
    x: Float64[np.ndarray, " galaxies"], nodes: Float64[np.ndarray, " nodes"]
) -> Float64[np.ndarray, "galaxies nodes"]:
    """Weights of the nodes in linear interpolation at ``x``."""
    return np.stack([np.interp(x, nodes, row) for row in np.eye(len(nodes))], axis=1)


def usual_dust(wavelength: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Attenuation curve relative to V, in magnitudes (Calzetti et al. 2000, equation 4)."""
    x = 1e4 / wavelength  # 1 / micrometer
    blue = 2.659 * (-2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3)
    red = 2.659 * (-1.857 + 1.040 * x)
    return (np.where(wavelength < 6300, blue, red) + 4.05) / 4.05


def attenuation(
    wavelength: Float[np.ndarray, "#galaxies wavelengths"], slope: Float[np.ndarray, " galaxies"]
) -> Float[np.ndarray, "galaxies wavelengths"]:
    """Attenuation curves relative to V, in magnitudes, with a variable slope.

    Args:
        wavelength: Rest wavelength in Angstrom.
        slope: Power-law change of the slope of the Calzetti curve (Noll et al. 2009).

    Returns:
        Attenuation in magnitudes.
    """
    return usual_dust(wavelength) * np.exp(slope[:, None] * np.log(wavelength / V))


def _template(age: int, metals: float) -> Float64[np.ndarray, " rest"]:
    light = _black_body(_TEMPERATURES[age] - _COOLING[age] * metals)
    light *= 1 - _BALMER_BREAK[age] * expit((3690.0 - REST) / 18.0)
    metal_break = _METAL_BREAK[age] * 10 ** (0.25 * metals)
    light *= 1 - metal_break * expit((3990.0 - REST) / 12.0)
    light *= 1 - 0.6 * metal_break * expit((2900.0 - REST) / 15.0)
    light *= 1 - 0.6 * metal_break * expit((2640.0 - REST) / 15.0)
    depth = np.zeros_like(REST)
    hydrogen = _HYDROGEN[min(age, 2)]
    for wavelength, share in zip(_SERIES, _SERIES_SHARE, strict=True):
        depth += _line(wavelength, hydrogen * share, _HYDROGEN_SIGMA)
    strength = _METALS_AT_AGE[age] * 10 ** (_METALS_SLOPE * metals)
    for wavelength, width, sigma in _METALS:
        depth += _line(wavelength, width * strength, sigma)
    light *= np.exp(-depth)
    return light / np.interp(V, REST, light) * (_LIGHT_TO_MASS[age] * SOLAR_V)


def _black_body(temperature: float) -> Float64[np.ndarray, " rest"]:
    return REST**-5 / np.expm1(1.438777e8 / (REST * temperature))


def _line(wavelength: float, width: float, sigma: float) -> Float64[np.ndarray, " rest"]:
    """Optical depth of an absorption line with the given equivalent width (if weak)."""
    gauss = np.exp(-0.5 * ((REST - wavelength) / sigma) ** 2)
    return width / (sigma * np.sqrt(2 * np.pi)) * gauss


def _broadened(
    light: Float64[np.ndarray, "populations rest"], dispersion: float
) -> Float64[np.ndarray, "populations rest"]:
    """Broaden by a velocity dispersion: a constant width in log wavelength."""
    uniform = np.geomspace(REST[0], REST[-1], 2 * len(REST))
    step = np.log(uniform[1] / uniform[0])
    even = np.stack([np.interp(uniform, REST, row) for row in light])
    moved = gaussian_filter1d(even, dispersion / LIGHT / step, axis=1, mode="nearest")
    return np.stack([np.interp(REST, uniform, row) for row in moved])
