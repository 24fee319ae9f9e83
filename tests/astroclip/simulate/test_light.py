"""Masses and lines of bulges and disks, and their fluxes in bands."""

import numpy as np
import pytest

from astroclip.simulate.light import Light, band_fluxes, light
from astroclip.simulate.spectra import spectra
from astroclip.simulate.target_selection import targets
from astroclip.survey import wavelengths


@pytest.fixture(scope="module")
def galaxies():
    return targets(np.random.default_rng(0), 64)


def test_bulge_and_disc_hold_the_mass_in_their_shares(galaxies):
    shining = light(galaxies)
    mass = 10**galaxies.log_mass
    assert (shining.masses >= 0).all()
    np.testing.assert_allclose(shining.masses.sum((1, 2)), mass)
    np.testing.assert_allclose(shining.masses[:, 0].sum(1), galaxies.bulge * mass)


def test_a_band_holds_the_light_of_the_spectrum_in_it(galaxies):
    shining = light(galaxies)
    whole = spectra(galaxies, shining, np.ones((64, 2))).astype(np.float64)
    seen = wavelengths()
    band = (seen > 5500) & (seen < 7300)
    # Flux per Hz as photons are counted, through a filter with soft edges; nanomaggies.
    soft = 1 / (1 + np.exp((5620 - seen) / 60)) / (1 + np.exp((seen - 7170) / 60))
    per_hertz = (whole * seen * soft).sum(1) / (2.99792458e18 * (soft / seen).sum())
    red = per_hertz * 1e-17 / 3.631e-29
    assert band.any()
    # The dust of a band is that of its middle.
    np.testing.assert_allclose(band_fluxes(galaxies, shining)[..., 1].sum(1), red, rtol=0.02)


def test_flux_is_linear_in_what_shines(galaxies):
    shining = light(galaxies)
    double = Light(2 * shining.masses, 2 * shining.lines)
    np.testing.assert_allclose(band_fluxes(galaxies, double), 2 * band_fluxes(galaxies, shining))


def test_a_galaxy_at_twice_the_distance_is_a_quarter_as_bright_in_lines(galaxies):
    shining = light(galaxies)
    dark = Light(0 * shining.masses, shining.lines)
    near, far = (galaxies._replace(redshift=np.full(64, z)) for z in (0.0500, 0.0501))
    ratio = band_fluxes(far, dark).sum((1, 2)) / band_fluxes(near, dark).sum((1, 2))
    # d ln(d^-2) at z = 0.05 is -2 (1 / z + ...) dz: about -0.4 % for 0.0001.
    np.testing.assert_allclose(ratio, 1 - 2 * 0.0001 / 0.05, atol=1e-3)


def test_discs_are_bluer_than_bulges_where_stars_form(galaxies):
    fluxes = band_fluxes(galaxies, light(galaxies))[~galaxies.quiescent]
    color = -2.5 * np.log10(fluxes[..., 0] / fluxes[..., 1])
    assert (color[:, 0] > color[:, 1]).mean() > 0.9
