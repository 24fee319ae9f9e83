"""Noise-free spectra of galaxies through a DESI fiber."""

import functools

import numpy as np
from jaxtyping import Float32, Float64
from numpy.random import Generator

from astroclip.simulate import emission_lines, stars
from astroclip.simulate.cosmology import LIGHT, MPC, luminosity_distance
from astroclip.simulate.light import Light
from astroclip.simulate.population import Latents
from astroclip.simulate.profiles import enclosed, mixture
from astroclip.survey import FIRST, PIXELS, STEP, wavelengths

FIBER = 0.75  # arcsec: radius of a fiber
SEEING = (0.47, 0.15)  # PSF sigma: median in arcsec, and log-normal scatter
LOSS = 0.13  # dex: additional scatter of the fiber fraction
TILT = 0.05  # relative error of the flux calibration from end to end of a spectrum
INSTRUMENT = 0.75  # Angstrom: sigma of the instrumental resolution
GAS_MOTION = (
    40.0,
    0.3,
)  # smallest gas dispersion in km / s, and fraction of the rotation in a fiber
REACH = 24  # pixels on each side over which a line is drawn
UNIT = 1e-17  # erg / s / cm2 / A

Spectrum = Float32[np.ndarray, "galaxies pixels"]
Rest = Float32[np.ndarray, " rest"]
Shares = Float64[np.ndarray, "galaxies 2"]


def fiber_shares(rng: Generator, galaxies: Latents) -> Shares:
    """Draw the fraction of the light of bulge and disk in a fiber, relative to a star's.

    DESI calibrates fluxes with stars, which lose light at the fiber too.

    Args:
        rng: Random generator.
        galaxies: Properties of the galaxies.

    Returns:
        Fractions.
    """
    count = len(galaxies.redshift)
    seeing = SEEING[0] * np.exp(SEEING[1] * rng.standard_normal(count))
    bulge = enclosed(
        mixture("de_vaucouleurs"), FIBER, galaxies.bulge_radius, galaxies.bulge_axis, seeing
    )
    disk = enclosed(
        mixture("exponential"), FIBER, galaxies.disk_radius, galaxies.disk_axis(), seeing
    )
    star = 1 - np.exp(-0.5 * (FIBER / seeing) ** 2)
    scatter = 10 ** (LOSS * rng.standard_normal(count))
    return np.stack([bulge, disk], axis=1) * (scatter / star)[:, None]


def tilts(rng: Generator, count: int) -> Spectrum:
    """Draw errors of the flux calibration, as a factor for each pixel."""
    slope = (TILT * rng.standard_normal(count)).astype(np.float32)
    return 1 + slope[:, None] * np.linspace(-0.5, 0.5, PIXELS, dtype=np.float32)


def spectra(galaxies: Latents, shining: Light, shares: Shares) -> Spectrum:
    """Observed spectra: the light in the fiber, redshifted.

    Args:
        galaxies: Properties of the galaxies.
        shining: Light of bulge and disk.
        shares: Fractions of bulge and disk in the fiber.

    Returns:
        Flux in 1e-17 erg / s / cm2 / A at ``astroclip.survey.wavelengths()``.
    """
    area = 4 * np.pi * (luminosity_distance(galaxies.redshift) * MPC) ** 2 * UNIT
    rest = _rest(galaxies, np.einsum("gc,gcp->gp", shares, shining.masses) / area[:, None])
    lines = np.einsum("gc,gcl->gl", shares, shining.lines) / area[:, None]
    seen = wavelengths()
    flux = np.empty((len(rest), PIXELS), np.float32)
    for i, stretch in enumerate(1 + galaxies.redshift):
        flux[i] = np.interp(seen, stars.REST * stretch, rest[i]) / stretch
    _add_lines(flux, galaxies, lines)
    return flux


def _rest(
    galaxies: Latents, masses: Float64[np.ndarray, "galaxies populations"]
) -> Float32[np.ndarray, "galaxies rest"]:
    """Attenuated stellar spectra at rest wavelengths."""
    motion = stars.hats(galaxies.dispersion, stars.DISPERSIONS)
    weights = motion[:, :, None] * masses[:, None, :] * stars.SOLAR_V  # (galaxies, 3, populations)
    basis, usual, color = _basis()
    light = weights.reshape(len(masses), -1).astype(np.float32) @ basis
    curve = np.exp(galaxies.dust_slope.astype(np.float32)[:, None] * color)
    curve *= galaxies.dust.astype(np.float32)[:, None] * usual
    light *= np.exp(curve, out=curve)
    return light


@functools.cache
def _basis() -> tuple[Float32[np.ndarray, "templates rest"], Rest, Rest]:
    """Templates for all dispersions; log transmission per magnitude of dust; log wavelength."""
    basis = (stars.templates() / stars.SOLAR_V).reshape(-1, len(stars.REST))
    usual = -0.4 * np.log(10) * stars.usual_dust(stars.REST)
    color = np.log(stars.REST / stars.V)
    return basis.astype(np.float32), usual.astype(np.float32), color.astype(np.float32)


def _add_lines(
    flux: Spectrum, galaxies: Latents, lines: Float64[np.ndarray, "galaxies lines"]
) -> None:
    """Add Gaussian emission lines with the width of gas motion and resolution."""
    stretch = 1 + galaxies.redshift
    rotation = 200 * 10 ** (0.27 * (galaxies.log_mass - 10.5))
    rotation *= GAS_MOTION[1] * np.sqrt(1 - galaxies.inclination**2)
    speed = np.hypot(GAS_MOTION[0], rotation)
    row = np.arange(len(flux))[:, None]
    around = np.arange(-REACH, REACH + 1)
    for wavelength, strength in zip(emission_lines.WAVELENGTHS, lines.T, strict=True):
        center = wavelength * stretch
        sigma = np.hypot(INSTRUMENT, center * speed / LIGHT)[:, None]
        pixel = np.rint((center - FIRST) / STEP).astype(np.int64)[:, None] + around
        offset = FIRST + STEP * pixel - center[:, None]
        height = strength[:, None] / (sigma * np.sqrt(2 * np.pi))
        profile = height * np.exp(-0.5 * (offset / sigma) ** 2)
        inside = (pixel >= 0) & (pixel < PIXELS)
        flux[row, pixel.clip(0, PIXELS - 1)] += np.where(inside, profile, 0)
