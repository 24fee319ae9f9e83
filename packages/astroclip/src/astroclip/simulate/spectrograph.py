"""What a spectrograph makes of a spectrum: noise of the sky, lost pixels, and some failures.

The noise of a pixel is that of DESI's nights of bright sky, and ``ivar`` says what it is, except in
what fails: there the error is not in ``ivar``, or there is no flux at all.
"""

import functools

import numpy as np
from jaxtyping import Bool, Float32
from numpy.random import Generator

from astroclip.survey import PIXELS, wavelengths

NOISE = 0.68  # of all spectra, as calibrated; see astroclip.simulate.galaxies
LEVELS = {  # sigma of a pixel in 1e-17 erg / s / cm2 / A by wavelength in A
    3600.0: 4.9,
    3850.0: 1.8,
    4600.0: 0.95,
    6100.0: 0.51,
    7100.0: 0.385,
    8100.0: 0.32,
    9824.0: 0.42,
}
NIGHTS = 0.2  # log-normal spread of the noise from one spectrum to another
STRONG = {5578.9: 3.0, 5891.6: 0.8, 5897.6: 0.6, 6302.05: 1.5, 6365.5: 0.7}  # sky, over the level
BANDS = ((7240.0, 7530.0), (7710.0, 8110.0), (8280.0, 8530.0), (8760.0, 9160.0), (9300.0, 9810.0))
SPACING = 14.0  # A between the lines of OH in the bands, on average
SKY_SIGMA = 0.8  # A
LOST = 3.0  # runs of pixels that are masked, per spectrum
FAILURES = 0.05  # of spectra
SEGMENT = (300, 1500)  # pixels of a failure without flux
HITS = 12  # unmasked cosmic rays of a failure

Spectrum = Float32[np.ndarray, "galaxies pixels"]
Mask = Bool[np.ndarray, "galaxies pixels"]


def observe(rng: Generator, flux: Spectrum) -> tuple[Spectrum, Spectrum, Mask]:
    """Add noise, and what goes wrong.

    Args:
        rng: Where the randomness comes from.
        flux: Without noise.

    Returns:
        Flux; its inverse variance, 0 where nothing was measured; and where that is.
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
    """Sigma of each pixel of a usual spectrum, lines of the sky among it."""
    seen = wavelengths()
    level = np.exp(np.interp(seen, list(LEVELS), np.log(list(LEVELS.values()))))
    return (NOISE * level * (1 + sky_lines())).astype(np.float32)


@functools.cache
def sky_lines() -> Float32[np.ndarray, " pixels"]:
    """Noise of sky lines over that between them; places within the bands of OH are arbitrary."""
    rng = np.random.default_rng(0)
    lines = dict(STRONG)
    for low, high in BANDS:
        places = np.sort(rng.uniform(low, high, round((high - low) / SPACING)))
        lines |= dict(zip(places, rng.lognormal(-0.1, 0.6, len(places)), strict=True))
    offset = wavelengths() - np.array(list(lines))[:, None]
    shape = np.exp(-0.5 * (offset / SKY_SIGMA) ** 2)
    return (np.array(list(lines.values())) @ shape).astype(np.float32)


def _lose_pixels(rng: Generator, flux: Spectrum, mask: Mask) -> None:
    """Cosmic rays that were found: masked, with whatever flux is left."""
    owner = np.repeat(np.arange(len(flux)), rng.poisson(LOST, len(flux)))
    start = rng.integers(0, PIXELS - 3, len(owner))
    length = rng.integers(1, 4, len(owner))
    height = rng.exponential(10.0, len(owner)).astype(np.float32)
    for step in range(3):
        hit = length > step
        mask[owner[hit], start[hit] + step] = True
        flux[owner[hit], start[hit] + step] += height[hit]


def _fail(rng: Generator, flux: Spectrum, ivar: Spectrum, mask: Mask) -> None:
    """A part without flux, sky that was not subtracted, or cosmic rays that were not found."""
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
