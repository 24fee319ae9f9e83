"""Spectrograph noise: sky noise, masked pixels and failures.

The noise level is that of DESI's bright time, and ``ivar`` is correct, except in failures: there
the error is not in ``ivar``, or there is no flux.
"""

import functools

import numpy as np
from jaxtyping import Bool, Float32
from numpy.random import Generator

from astroclip.survey import PIXELS, wavelengths

NOISE = 0.68  # overall noise factor, calibrated; see astroclip.simulate.galaxies
LEVELS = {  # wavelength in Angstrom -> sigma of a pixel in 1e-17 erg / s / cm2 / A
    3600.0: 4.9,
    3850.0: 1.8,
    4600.0: 0.95,
    6100.0: 0.51,
    7100.0: 0.385,
    8100.0: 0.32,
    9824.0: 0.42,
}
NIGHTS = 0.2  # log-normal scatter of the noise between spectra
STRONG = {
    5578.9: 3.0,
    5891.6: 0.8,
    5897.6: 0.6,
    6302.05: 1.5,
    6365.5: 0.7,
}  # sky lines, relative to the level
BANDS = ((7240.0, 7530.0), (7710.0, 8110.0), (8280.0, 8530.0), (8760.0, 9160.0), (9300.0, 9810.0))
SPACING = 14.0  # mean distance of OH sky lines in Angstrom
SKY_SIGMA = 0.8  # Angstrom: width of sky lines
LOST = 3.0  # mean number of masked runs of pixels per spectrum
FAILURES = 0.05  # fraction of spectra with a failure
SEGMENT = (300, 1500)  # range of pixels without flux in a failure
HITS = 12  # unmasked cosmic rays in a failure

Spectrum = Float32[np.ndarray, "galaxies pixels"]
Mask = Bool[np.ndarray, "galaxies pixels"]


def observe(rng: Generator, flux: Spectrum) -> tuple[Spectrum, Spectrum, Mask]:
    """Add noise, masked pixels and failures to spectra.

    Args:
        rng: Random generator.
        flux: Noise-free spectra.

    Returns:
        Flux; its inverse variance, 0 where not measured; mask, True where not measured.
    """
    count = len(flux)
    night = np.exp(NIGHTS * rng.standard_normal(count)).astype(np.float32)[:, None]
    sigma = night * noise_level()
    seen = rng.standard_normal(flux.shape, np.float32)
    seen *= sigma
    seen += flux
    ivar = 1 / np.square(sigma, out=sigma)
    mask = np.zeros(flux.shape, bool)
    _lose_pixels(rng, seen, mask)
    _fail(rng, seen, ivar, mask)
    ivar[mask] = 0
    return seen, ivar, mask


@functools.cache
def noise_level() -> Float32[np.ndarray, " pixels"]:
    """Sigma of each pixel of a typical spectrum, including sky lines."""
    seen = wavelengths()
    level = np.exp(np.interp(seen, list(LEVELS), np.log(list(LEVELS.values()))))
    return (NOISE * level * (1 + sky_lines())).astype(np.float32)


@functools.cache
def sky_lines() -> Float32[np.ndarray, " pixels"]:
    """Noise of sky lines relative to the continuum level; OH bands have lines at random places."""
    rng = np.random.default_rng(0)
    lines = dict(STRONG)
    for low, high in BANDS:
        places = np.sort(rng.uniform(low, high, round((high - low) / SPACING)))
        lines |= dict(zip(places, rng.lognormal(-0.1, 0.6, len(places)), strict=True))
    offset = wavelengths() - np.array(list(lines))[:, None]
    shape = np.exp(-0.5 * (offset / SKY_SIGMA) ** 2)
    return (np.array(list(lines.values())) @ shape).astype(np.float32)


def _lose_pixels(rng: Generator, flux: Spectrum, mask: Mask) -> None:
    """Mask detected cosmic rays; their flux stays."""
    owner = np.repeat(np.arange(len(flux)), rng.poisson(LOST, len(flux)))
    start = rng.integers(0, PIXELS - 3, len(owner))
    length = rng.integers(1, 4, len(owner))
    height = rng.exponential(10.0, len(owner)).astype(np.float32)
    for step in range(3):
        hit = length > step
        mask[owner[hit], start[hit] + step] = True
        flux[owner[hit], start[hit] + step] += height[hit]


def _fail(rng: Generator, flux: Spectrum, ivar: Spectrum, mask: Mask) -> None:
    """Missing flux, sky subtraction errors, or undetected cosmic rays."""
    for i in np.flatnonzero(rng.random(len(flux)) < FAILURES):
        kind = rng.integers(3)
        sigma = 1 / np.sqrt(np.median(ivar[i]))
        if kind == 0:
            start, length = rng.integers(PIXELS), rng.integers(*SEGMENT)
            flux[i, start : start + length] = 0
            mask[i, start : start + length] = True
        elif kind == 1:
            flux[i] += (rng.normal(0, 3) * sigma) * sky_lines()
        else:
            pixels = rng.integers(0, PIXELS, HITS)
            flux[i, pixels] += (sigma * rng.uniform(10, 100, HITS)).astype(np.float32)
