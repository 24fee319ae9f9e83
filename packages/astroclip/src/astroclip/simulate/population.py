"""Galaxy population: masses, star formation, metallicities, dust and sizes to a magnitude limit.

Properties follow the scaling relations of nearby galaxies with their scatter, redshifts the
comoving volume. Galaxies as bright as those of DESI's Bright Galaxy Survey (r < 19.5) are kept, so
that the distribution of mass and redshift has its selection.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from numpy.random import Generator
from scipy.special import expit

from astroclip.simulate import emission_lines
from astroclip.simulate.cosmology import age_of_universe, angular_scale, volume_rate
from astroclip.simulate.stars import AGES, hats

BRIGHTEST, FAINTEST, FUZZ = 14.5, 19.5, 0.05  # r magnitudes; FUZZ is the survey's error
NEAREST, FARTHEST = 0.02, 0.65  # redshift
LIGHTEST, HEAVIEST = 8.6, 12.0  # log10 of solar masses
CANDIDATES = 8192  # galaxies drawn at a time; a few percent are bright enough
FLATTENING = 0.2  # intrinsic axis ratio of an edge-on disk
SPHEROID = 0.6  # bulge mass fraction above which a galaxy is a spheroid
RATES = np.linspace(NEAREST, FARTHEST, 400)

Values = Float64[np.ndarray, " galaxies"]


class Latents(NamedTuple):
    """Physical properties of galaxies.

    Args:
        redshift: Redshift.
        log_mass: log10 of stellar mass in solar masses.
        log_ssfr: log10 of specific star formation rate in 1 / yr.
        quiescent: Whether it hardly forms stars.
        fractions: Fractions of the stellar mass by age, as ``astroclip.simulate.stars.AGES``.
        age: Mass-weighted stellar age in Gyr.
        metallicity: Stellar metallicity, log10 of solar.
        gas_metallicity: Gas metallicity, log10 of solar.
        excitation: Offset of the oxygen lines from the metallicity relation, in dex.
        burst: Offset of H-alpha from the mean star formation over 100 Myr, in dex.
        nucleus: Offset of the lines of old stars or an active nucleus, in dex.
        dust: Attenuation in V, in magnitudes.
        dust_slope: Power-law change of the attenuation curve's slope.
        bulge: Fraction of the stellar mass in the bulge.
        disk_radius: Half-light radius in arcsec.
        bulge_radius: Half-light radius in arcsec.
        inclination: Cosine of the inclination; 1 is face-on.
        bulge_axis: Axis ratio of the bulge.
        angle: Position angle in radians.
        dispersion: Stellar velocity dispersion along the line of sight in km / s.
    """

    redshift: Values
    log_mass: Values
    log_ssfr: Values
    quiescent: Bool[np.ndarray, " galaxies"]
    fractions: Float64[np.ndarray, "galaxies ages"]
    age: Values
    metallicity: Values
    gas_metallicity: Values
    excitation: Values
    burst: Values
    nucleus: Values
    dust: Values
    dust_slope: Values
    bulge: Values
    disk_radius: Values
    bulge_radius: Values
    inclination: Values
    bulge_axis: Values
    angle: Values
    dispersion: Values

    def gas(self) -> emission_lines.Ionization:
        """Parameters of the emission-line ratios."""
        return emission_lines.Ionization(self.gas_metallicity, self.excitation)

    def disk_axis(self) -> Values:
        """Axis ratio of the disk, or of a spheroid's outskirts."""
        disk = np.sqrt(self.inclination**2 * (1 - FLATTENING**2) + FLATTENING**2)
        return np.where(self.bulge >= SPHEROID, self.bulge_axis, disk)

    def kept(self, which: np.ndarray) -> "Latents":
        """Select galaxies."""
        return Latents(*(x[which] for x in self))


def candidates(rng: Generator, count: int) -> Latents:
    """Draw galaxies of a volume, without a magnitude limit."""
    rate = volume_rate(RATES).cumsum()
    redshift = np.interp(rng.random(count), rate / rate[-1], RATES)
    log_mass = _within(rng, 10.35, 0.55, LIGHTEST, HEAVIEST, count)
    quiescent = rng.random(count) < expit((log_mass - 10.85) / 0.28)
    log_ssfr = np.where(
        quiescent,
        rng.normal(-11.9, 0.3, count),
        -10 - 0.25 * (log_mass - 10) + rng.normal(0, 0.28, count),
    )
    fractions, age = _ages(rng, redshift, log_ssfr, quiescent)
    metallicity = np.clip(0.30 * (log_mass - 10.6) + rng.normal(0, 0.15, count), -0.7, 0.5)
    inclination = rng.random(count)
    bulge = _bulge(rng, log_mass, quiescent, fractions)
    disk_radius, bulge_radius = _radii(rng, log_mass, quiescent) / angular_scale(redshift)
    speed = 10 ** (2.22 + 0.28 * (log_mass - 10.8) + rng.normal(0, 0.07, count))
    return Latents(
        redshift,
        log_mass,
        log_ssfr,
        quiescent,
        fractions,
        age,
        metallicity,
        gas_metallicity=np.clip(metallicity + rng.normal(0, 0.1, count), -0.8, 0.5),
        excitation=rng.normal(0, 0.2, count),
        burst=rng.normal(0, 0.3, count),
        nucleus=rng.normal(0, 0.3, count),
        dust=_dust(rng, log_mass, quiescent, inclination),
        dust_slope=rng.normal(0, 0.27, count),
        bulge=bulge,
        disk_radius=disk_radius,
        bulge_radius=bulge_radius,
        inclination=inclination,
        bulge_axis=rng.uniform(0.55, 1.0, count),
        angle=rng.uniform(0, np.pi, count),
        dispersion=np.clip(speed, 60, 320),
    )


def _within(
    rng: Generator, mean: float, spread: float, low: float, high: float, count: int
) -> Values:
    """Draw from a normal distribution, reflected at the limits."""
    x = rng.normal(mean, spread, count)
    x = np.where(x < low, 2 * low - x, x)
    return np.clip(np.where(x > high, 2 * high - x, x), low, high)


def _ages(
    rng: Generator, redshift: Values, log_ssfr: Values, quiescent: np.ndarray
) -> tuple[Float64[np.ndarray, "galaxies ages"], Values]:
    """Mass fractions of young, intermediate and old stars, and the mean age."""
    count = len(redshift)
    young = np.minimum(10 ** (log_ssfr + 8), 0.1)  # of the last 100 Myr
    middle = np.where(quiescent, rng.beta(1.0, 25.0, count), rng.beta(1.5, 8.5, count))
    share = np.where(quiescent, rng.beta(4.0, 2.0, count), rng.beta(2.5, 2.5, count))
    latest = 0.95 * age_of_universe(redshift)
    old_age = np.clip(2.5 + share * (latest - 2.5), AGES[2], AGES[3])
    old = hats(np.log(old_age), np.log(AGES[2:]))
    fractions = np.concatenate([np.stack([young, middle], 1), old], axis=1)
    fractions[:, 2:] *= (1 - young - middle)[:, None]
    age = young * AGES[0] + middle * AGES[1] + (1 - young - middle) * old_age
    return fractions, age


def _bulge(
    rng: Generator, log_mass: Values, quiescent: np.ndarray, fractions: np.ndarray
) -> Values:
    """Bulge mass fraction; limited by the mass of old stars."""
    count = len(log_mass)
    mean = np.clip(0.15 + 0.15 * (log_mass - 10), 0.03, 0.5)
    spiral = rng.beta(3 * mean, 3 * (1 - mean))
    return np.minimum(
        np.where(quiescent, 0.3 + 0.7 * rng.beta(2.5, 1.5, count), spiral),
        0.95 * fractions[:, 2:].sum(1),
    )


def _radii(
    rng: Generator, log_mass: Values, quiescent: np.ndarray
) -> Float64[np.ndarray, "2 galaxies"]:
    """Half-light radii of disk and bulge in kpc."""
    scatter = rng.normal(0, 1, len(log_mass))
    spiral = 0.72 + 0.22 * (log_mass - 10.5) + 0.17 * scatter
    smooth = 0.58 + 0.62 * (log_mass - 10.7) + 0.13 * scatter
    whole = 10 ** np.where(quiescent, smooth, spiral)
    part = rng.lognormal(0, 0.2, len(log_mass))
    return np.stack(
        [whole * np.where(quiescent, 1.3, 1.05), whole * np.where(quiescent, 0.85, 0.3) * part]
    )


def _dust(rng: Generator, log_mass: Values, quiescent: np.ndarray, inclination: Values) -> Values:
    """Attenuation in V, in magnitudes; larger in massive and in inclined disks."""
    usual = 0.35 + 0.35 * np.clip(log_mass - 9.5, 0, 1.5)
    spiral = usual * rng.lognormal(0, 0.5, len(log_mass)) * (0.7 + 0.9 * (1 - inclination) ** 2)
    return np.where(quiescent, rng.exponential(0.1, len(log_mass)), spiral)
