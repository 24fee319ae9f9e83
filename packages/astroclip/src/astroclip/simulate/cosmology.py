"""Distances and ages in a flat LambdaCDM cosmology."""

import numpy as np
from jaxtyping import Float64
from scipy.integrate import cumulative_simpson

HUBBLE = 70.0  # km / s / Mpc
MATTER = 0.3
LIGHT = 299_792.458  # km / s
MPC = 3.0856776e24  # cm
GYR = 977.792  # 1 / (km / s / Mpc) in Gyr
FARTHEST, STEPS = 2.0, 4000  # largest redshift and steps of the integral

Values = Float64[np.ndarray, "*galaxies"]

_redshifts = np.linspace(0.0, FARTHEST, STEPS + 1)
_rate = np.sqrt(MATTER * (1 + _redshifts) ** 3 + 1 - MATTER)
_comoving = LIGHT / HUBBLE * cumulative_simpson(1 / _rate, x=_redshifts, initial=0)


def comoving_distance(redshift: Values) -> Values:
    """Line-of-sight comoving distance in Mpc, for redshifts up to 2."""
    return np.interp(redshift, _redshifts, _comoving)


def luminosity_distance(redshift: Values) -> Values:
    """Luminosity distance in Mpc: flux is L / (4 pi d^2)."""
    return (1 + redshift) * comoving_distance(redshift)


def angular_scale(redshift: Values) -> Values:
    """Kiloparsec per arcsecond."""
    return comoving_distance(redshift) / (1 + redshift) * 1e3 * np.pi / 648_000


def volume_rate(redshift: Values) -> Values:
    """Comoving volume per unit redshift, up to a constant: d_C^2 / H(z)."""
    return comoving_distance(redshift) ** 2 / np.interp(redshift, _redshifts, _rate)


def age_of_universe(redshift: Values) -> Values:
    """Age of the universe in Gyr."""
    growth = np.sqrt((1 - MATTER) / MATTER) * (1 + redshift) ** -1.5
    return 2 / 3 * GYR / HUBBLE / np.sqrt(1 - MATTER) * np.arcsinh(growth)
