"""Galaxies of a volume, and the bright ones among them."""

import numpy as np
import pytest

from astroclip.simulate.cosmology import age_of_universe, comoving_distance
from astroclip.simulate.light import band_fluxes, light
from astroclip.simulate.population import BRIGHTEST, FAINTEST, FARTHEST, FUZZ, SPHEROID, candidates
from astroclip.simulate.target_selection import targets


@pytest.fixture(scope="module")
def volume():
    return candidates(np.random.default_rng(0), 4000)


@pytest.fixture(scope="module")
def bright():
    return targets(np.random.default_rng(1), 2000)


def test_masses_of_all_ages_add_up(volume):
    assert (volume.fractions >= 0).all()
    np.testing.assert_allclose(volume.fractions.sum(1), 1, rtol=1e-12)


def test_no_galaxy_is_older_than_the_universe(volume):
    assert (volume.age > 0).all()
    assert (volume.age < age_of_universe(volume.redshift)).all()


def test_redshifts_fill_the_volume(volume):
    # Space is flat: half of the volume is within 0.5^(1/3) of the farthest distance.
    share = (comoving_distance(volume.redshift) / comoving_distance(np.array([FARTHEST]))) ** 3
    np.testing.assert_allclose(np.quantile(share, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.025)


def test_young_stars_are_those_of_the_last_100_million_years(volume):
    rate = 10 ** (volume.log_ssfr + 8)
    np.testing.assert_allclose(volume.fractions[:, 0], np.minimum(rate, 0.1))


def test_heavy_galaxies_are_quiescent_and_rich_in_metals(volume):
    heavy = volume.log_mass > 11
    assert volume.quiescent[heavy].mean() > 2 * volume.quiescent[~heavy].mean()
    assert volume.metallicity[heavy].mean() > volume.metallicity[~heavy].mean() + 0.1


def test_discs_are_as_flat_as_their_inclination_says_and_spheroids_are_not(volume):
    disk = volume.bulge < SPHEROID
    axis = volume.disk_axis()
    edge_on = disk & (volume.inclination < 0.05)
    face_on = disk & (volume.inclination > 0.95)
    assert axis[edge_on].max() < 0.22
    assert axis[face_on].min() > 0.94
    assert (axis[~disk] >= 0.55).all()


def test_targets_are_as_bright_as_those_of_the_survey(bright):
    red = 22.5 - 2.5 * np.log10(band_fluxes(bright, light(bright))[..., 1].sum(1))
    assert red.max() < FAINTEST + 5 * FUZZ
    assert red.min() > BRIGHTEST - 5 * FUZZ
    assert 0.24 < np.median(bright.redshift) < 0.30  # 0.26 over 100,000 of them


def test_distant_targets_are_heavy(bright):
    assert np.corrcoef(bright.redshift, bright.log_mass)[0, 1] > 0.6


def test_there_are_as_many_targets_as_asked_for():
    assert all(len(x) == 3 for x in targets(np.random.default_rng(0), 3))
