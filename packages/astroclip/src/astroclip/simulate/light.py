"""Light of bulge and disk: stellar templates, emission lines, and fluxes in g, r and z."""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from astroclip.simulate import emission_lines, stars
from astroclip.simulate.cosmology import MPC, luminosity_distance
from astroclip.simulate.population import FARTHEST, Latents

EDGES = np.array(
    [[3950.0, 5500.0], [5620.0, 7170.0], [8350.0, 10_150.0]]
)  # Angstrom: limits of the filters g, r and z
SOFT = 60.0  # Angstrom: width of a filter's edges
SPEED = 2.99792458e18  # of light in Angstrom / s
NANOMAGGY = 3.631e-29  # erg / s / cm2 / Hz
NEBULAR_DUST = 1 / 0.44  # Calzetti et al. 2000: nebular lines are more attenuated than stars
GRADIENT = 0.4  # fraction of young and intermediate stars that a bulge lacks
TABLE = np.linspace(0.0, FARTHEST + 0.01, 133)  # redshifts of the lookup table

Components = Float64[np.ndarray, "galaxies 2 populations"]


class Light(NamedTuple):
    """Light of bulge and disk, in this order.

    Args:
        masses: Solar masses of each stellar template.
        lines: Luminosities of emission lines in erg / s, after attenuation.
    """

    masses: Components
    lines: Float64[np.ndarray, "galaxies 2 lines"]


def light(galaxies: Latents) -> Light:
    """Divide stars and lines between bulge, with fewer young stars, and disk."""
    old = galaxies.fractions[:, 2:]
    bulge = (1 - GRADIENT) * galaxies.fractions
    bulge[:, 2:] += (1 - bulge.sum(1, keepdims=True)) * old / old.sum(1, keepdims=True)
    bulge *= galaxies.bulge[:, None]
    mass = 10**galaxies.log_mass
    masses = [
        mass[:, None] * stars.mixture(part, galaxies.metallicity)
        for part in (bulge, galaxies.fractions - bulge)
    ]
    return Light(np.stack(masses, 1), _lines(galaxies))


def band_fluxes(galaxies: Latents, shining: Light) -> Float64[np.ndarray, "galaxies 2 bands"]:
    """Fluxes of bulge and disk in g, r and z, in nanomaggies."""
    place = galaxies.redshift / TABLE[1]
    below = place.astype(np.int64)
    part = (place - below)[:, None, None]
    table = _table()
    efficiency = table[below] * (1 - part) + table[below + 1] * part  # (galaxies, populations, 3)
    stretch = 1 + galaxies.redshift[:, None]
    middle = EDGES.mean(1) / stretch
    dimmed = 10 ** (-0.4 * galaxies.dust[:, None] * stars.attenuation(middle, galaxies.dust_slope))
    fluxes = (shining.masses @ efficiency) * dimmed[:, None]
    fluxes += _line_fluxes(stretch, shining.lines)
    area = 4 * np.pi * (luminosity_distance(galaxies.redshift) * MPC) ** 2
    return fluxes / (area * NANOMAGGY)[:, None, None]


def _lines(galaxies: Latents) -> Float64[np.ndarray, "galaxies 2 lines"]:
    """Line luminosities: young stars ionize the disk, old ones both components."""
    mass = 10**galaxies.log_mass
    rate = mass * 10 ** (galaxies.log_ssfr + galaxies.burst)
    young = (emission_lines.HALPHA_PER_RATE * rate)[:, None] * emission_lines.young(galaxies.gas())
    old = (emission_lines.HALPHA_PER_OLD_MASS * mass * 10**galaxies.nucleus)[:, None]
    old = old * emission_lines.old(galaxies.gas())
    reddening = stars.attenuation(emission_lines.WAVELENGTHS[None], galaxies.dust_slope)
    dust = galaxies.dust[:, None] * reddening
    young, old = young * 10 ** (-0.4 * NEBULAR_DUST * dust), old * 10 ** (-0.4 * dust)
    bulge = galaxies.bulge[:, None]
    return np.stack([bulge * old, (1 - bulge) * old + young], axis=1)


@functools.cache
def _table() -> Float64[np.ndarray, "redshifts populations bands"]:
    """Mean flux densities per Hz of the templates times 4 pi d^2, photon-weighted."""
    seen = np.arange(3600.0, 10_500.0, 4.0)
    weight = seen[:, None] * _response(seen[:, None])
    weight /= SPEED * (_response(seen[:, None]) / seen[:, None]).sum(0)
    middle = stars.templates()[1]
    rows = []
    for stretch in 1 + TABLE:
        moved = np.stack([np.interp(seen / stretch, stars.REST, row) for row in middle])
        rows.append(moved / stretch @ weight)
    return np.stack(rows)


def _line_fluxes(
    stretch: Float64[np.ndarray, "galaxies 1"], lines: Float64[np.ndarray, "galaxies 2 lines"]
) -> Float64[np.ndarray, "galaxies 2 bands"]:
    seen = (emission_lines.WAVELENGTHS * stretch)[..., None]
    grid = np.arange(3600.0, 10_500.0, 4.0)
    whole = SPEED * (_response(grid[:, None]) / grid[:, None]).sum(0) * 4.0
    return lines @ (seen * _response(seen) / whole)


def _response(wavelength: Float64[np.ndarray, "*shape 1"]) -> Float64[np.ndarray, "*shape bands"]:
    """Transmission of the filters."""
    opens, closes = EDGES.T
    return 1 / (
        (1 + np.exp(np.clip((opens - wavelength) / SOFT, -60, 60)))
        * (1 + np.exp(np.clip((wavelength - closes) / SOFT, -60, 60)))
    )
