"""Templates of stars, their mixtures and dust."""

import numpy as np

from astroclip.simulate.stars import (
    AGES,
    DISPERSIONS,
    METALLICITIES,
    POPULATIONS,
    REST,
    SOLAR_V,
    V,
    attenuation,
    hats,
    mixture,
    templates,
    usual_dust,
)


def mean(light, low, high):
    return light[..., (low < REST) & (high > REST)].mean(-1)


def test_hats_interpolate():
    nodes = np.array([1.0, 2.0, 5.0])
    weights = hats(np.array([0.0, 1.5, 4.0, 9.0]), nodes)
    np.testing.assert_allclose(weights @ nodes, [1.0, 1.5, 4.0, 5.0])
    np.testing.assert_allclose(weights.sum(1), 1)


def test_a_mixture_keeps_the_masses_of_the_ages_and_the_metallicity():
    fractions = np.array([[0.1, 0.2, 0.3, 0.4]])
    masses = mixture(fractions, np.array([0.2])).reshape(len(AGES), len(METALLICITIES))
    np.testing.assert_allclose(masses.sum(1), fractions[0])
    np.testing.assert_allclose(masses @ METALLICITIES, 0.2 * fractions[0])


def test_light_per_mass_falls_with_age():
    assert templates().shape == (len(DISPERSIONS), POPULATIONS, len(REST))
    bright = templates()[0, :, np.searchsorted(REST, V)].reshape(len(AGES), -1) / SOLAR_V
    # A line near 5500 A would be blurred; there is none, so that only interpolation is left.
    np.testing.assert_allclose(
        bright, np.array([18.0, 2.2, 0.75, 0.27])[:, None].repeat(3, 1), rtol=0.02
    )


def test_the_4000_break_grows_with_age_and_with_metals():
    light = templates()[1].reshape(len(AGES), len(METALLICITIES), -1)
    light = light * REST**2  # per Hz, as Balogh et al. (1999) define it
    depth = mean(light, 4000, 4100) / mean(light, 3850, 3950)
    assert (np.diff(depth, axis=0) > 0).all()
    assert (np.diff(depth[2:], axis=1) > 0).all()
    assert 0.9 < depth[0].mean() < 1.2
    assert 1.8 < depth[3, 1] < 2.5


def test_motion_blurs_lines_and_loses_no_light():
    slow, fast = templates()[0, -2], templates()[2, -2]
    near = np.abs(REST - 5170) < 25
    assert fast[near].min() > slow[near].min()
    np.testing.assert_allclose(mean(fast, 4500, 7000), mean(slow, 4500, 7000), rtol=2e-3)


def test_dust_is_one_magnitude_in_v_and_reddens():
    assert abs(usual_dust(np.array([V]))[0] - 1) < 0.01  # Calzetti's k(V) is 4.05 within a percent
    wavelength = np.array([[3000.0, 5000.0, 6299.0, 6301.0, 9000.0]])
    curve = usual_dust(wavelength)[0]
    assert (np.diff(curve)[[0, 1, 3]] < 0).all()
    assert abs(curve[2] - curve[3]) < 0.01  # the published formulas do not quite meet
    np.testing.assert_allclose(attenuation(wavelength, np.zeros(1))[0], curve)


def test_a_positive_slope_makes_dust_grayer():
    wavelength = np.array([[4000.0, V, 8000.0]])
    gray, usual = attenuation(wavelength, np.array([0.5, 0.0]))
    assert gray[0] / gray[2] < usual[0] / usual[2]
    np.testing.assert_allclose(gray[1], usual[1])
