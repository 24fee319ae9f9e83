"""Distances and times against astropy, and shells of volume against their integral."""

import numpy as np
from astropy.cosmology import FlatLambdaCDM

from astroclip.simulate.cosmology import (
    HUBBLE,
    MATTER,
    age_of_universe,
    angular_scale,
    comoving_distance,
    luminosity_distance,
    volume_rate,
)

ASTROPY = FlatLambdaCDM(H0=HUBBLE, Om0=MATTER, Tcmb0=0)
REDSHIFTS = np.array([0.01, 0.1, 0.3, 0.65, 1.5])


def test_luminosity_distances_are_those_of_astropy():
    expected = ASTROPY.luminosity_distance(REDSHIFTS).value
    np.testing.assert_allclose(luminosity_distance(REDSHIFTS), expected, rtol=1e-6)


def test_kiloparsecs_per_arcsecond_are_those_of_astropy():
    expected = ASTROPY.kpc_proper_per_arcmin(REDSHIFTS).value / 60
    np.testing.assert_allclose(angular_scale(REDSHIFTS), expected, rtol=1e-6)


def test_ages_are_those_of_astropy():
    # Our year is rounded in the seventh digit.
    np.testing.assert_allclose(age_of_universe(REDSHIFTS), ASTROPY.age(REDSHIFTS).value, rtol=1e-6)


def test_shells_add_up_to_the_volume():
    grid = np.linspace(0, 0.65, 2001)
    total = np.trapezoid(volume_rate(grid), grid) * 3
    # Exact: d^3 / 3 = integral of d^2 dd, and dd = c / H dz, which the rate leaves out.
    speed = 299_792.458 / HUBBLE
    np.testing.assert_allclose(total * speed, comoving_distance(grid[-1:])[0] ** 3, rtol=1e-5)
