"""Redshifted lines, their light, and what a fiber loses."""

import numpy as np
import pytest

from astroclip.simulate import emission_lines
from astroclip.simulate.cosmology import MPC, luminosity_distance
from astroclip.simulate.light import Light, light
from astroclip.simulate.spectra import LOSS, SEEING, TILT, UNIT, fiber_shares, spectra, tilts
from astroclip.simulate.target_selection import targets
from astroclip.survey import STEP, wavelengths

COUNT = 64
WHOLE = np.ones((COUNT, 2))


@pytest.fixture(scope="module")
def galaxies():
    return targets(np.random.default_rng(0), COUNT)


def only(shining, name):
    """One line, and no stars."""
    lines = np.zeros_like(shining.lines)
    number = list(emission_lines.LINES).index(name)
    lines[..., number] = shining.lines[..., number]
    return Light(0 * shining.masses, lines)


@pytest.mark.parametrize("name", ["[OII]3727", "H-beta", "[OIII]5008", "H-alpha"])
def test_lines_stand_at_their_wavelength_times_one_plus_z(galaxies, name):
    flux = spectra(galaxies, only(light(galaxies), name), WHOLE).astype(np.float64)
    center = emission_lines.LINES[name] * (1 + galaxies.redshift)
    inside = (center > 3650) & (center < 9770)
    found = (flux @ wavelengths())[inside] / flux.sum(1)[inside]
    np.testing.assert_allclose(found, center[inside], atol=0.02)  # a fortieth of a pixel


def test_a_line_keeps_its_luminosity(galaxies):
    shining = only(light(galaxies), "[OIII]5008")
    flux = spectra(galaxies, shining, WHOLE).sum(1) * STEP
    area = 4 * np.pi * (luminosity_distance(galaxies.redshift) * MPC) ** 2
    np.testing.assert_allclose(flux, shining.lines.sum((1, 2)) / area / UNIT, rtol=2e-3)


def test_the_equivalent_width_of_h_alpha_is_plausible():
    """At rest, against the stars alone.

    Plausible is: of star-forming galaxies half between about 10 and 40 A and nearly all between
    1 and 300; of quiescent ones half below 3 A (Cid Fernandes et al. 2011: retired).
    """
    galaxies = targets(np.random.default_rng(3), 1000)
    shining = light(galaxies)
    whole = np.ones((1000, 2))
    stars = spectra(galaxies, Light(shining.masses, 0 * shining.lines), whole)
    area = 4 * np.pi * (luminosity_distance(galaxies.redshift) * MPC) ** 2 * UNIT
    line = only(shining, "H-alpha").lines.sum((1, 2)) / area
    stretch = 1 + galaxies.redshift
    beside = [
        np.interp(6530.0 * s, wavelengths(), row) for s, row in zip(stretch, stars, strict=True)
    ]
    seen = 6530.0 * stretch < wavelengths()[-1]
    width = (line / np.array(beside) / stretch)[seen]
    quiescent = galaxies.quiescent[seen]
    low, first, middle, third, high = np.percentile(width[~quiescent], [2, 25, 50, 75, 98])
    assert low > 0.5
    assert 5 < first < 15
    assert 10 < middle < 30
    assert 25 < third < 60
    assert high < 300
    assert 0.5 < np.median(width[quiescent]) < 3
    assert np.percentile(width[quiescent], 95) < 6


def test_a_fiber_that_holds_all_light_scatters_by_0_13_dex():
    galaxies = targets(np.random.default_rng(0), 2000)
    points = galaxies._replace(bulge_radius=np.full(2000, 1e-6), disk_radius=np.full(2000, 1e-6))
    shares = np.log10(fiber_shares(np.random.default_rng(1), points))
    np.testing.assert_allclose(shares[:, 0], shares[:, 1], atol=1e-6)  # as for a star
    assert abs(shares.mean()) < 0.01
    assert abs(shares.std() - LOSS) < 0.007  # three standard errors of 2000


def test_a_fiber_loses_more_of_larger_galaxies(galaxies):
    small, large = (
        fiber_shares(
            np.random.default_rng(1),
            galaxies._replace(disk_radius=np.full(COUNT, r), bulge_radius=np.full(COUNT, r)),
        )
        for r in (0.5, 2.0)
    )
    assert (large < small).all()


def test_a_galaxy_is_seen_through_the_seeing():
    assert SEEING[0] * 2.355 == pytest.approx(1.1, abs=0.02)  # arcsec, full width at half maximum


def test_calibration_tilts_by_five_percent_from_end_to_end():
    factors = tilts(np.random.default_rng(0), 2000)
    np.testing.assert_allclose(factors[:, 7781 // 2], 1, atol=1e-6)
    assert abs((factors[:, -1] - factors[:, 0]).std() - TILT) < 0.0025


def test_a_spectrum_adds_what_the_fiber_takes_of_bulge_and_disk(galaxies):
    shining = light(galaxies)
    both = spectra(galaxies, shining, np.tile([0.3, 0.6], (COUNT, 1)))
    bulge = spectra(galaxies, shining, np.tile([1.0, 0.0], (COUNT, 1)))
    disk = spectra(galaxies, shining, np.tile([0.0, 1.0], (COUNT, 1)))
    np.testing.assert_allclose(both, 0.3 * bulge + 0.6 * disk, rtol=1e-4, atol=1e-5)
