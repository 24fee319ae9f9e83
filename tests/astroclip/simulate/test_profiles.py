"""Mixtures of Gaussians against the profiles that they stand for."""

import numpy as np
import pytest

from astroclip.simulate.profiles import enclosed, mixture

KINDS = ["exponential", "de_vaucouleurs"]


@pytest.mark.parametrize("kind", KINDS)
def test_half_of_the_light_is_within_the_half_light_radius(kind):
    mix = mixture(kind)
    one, round_, sharp = np.ones(1), np.ones(1), np.zeros(1)
    np.testing.assert_allclose(mix.weight.sum(), 1, rtol=1e-12)
    np.testing.assert_allclose(enclosed(mix, 1.0, one, round_, sharp), 0.5, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mixture_follows_the_formula_where_the_light_is(kind):
    mix = mixture(kind)
    radius = np.geomspace(0.05, 3.0, 50)
    gauss = np.exp(-0.5 * radius[:, None] ** 2 / mix.variance) / (2 * np.pi * mix.variance)
    ours = gauss @ mix.weight
    power, slope = {"exponential": (1, 1.67835), "de_vaucouleurs": (0.25, 7.66925)}[kind]
    formula = np.exp(-slope * (radius**power - 1))
    ratio = ours / formula
    # Six or seven Gaussians: 12 % of the surface brightness, over four decades of it.
    assert np.abs(ratio / np.median(ratio) - 1).max() < 0.12


def test_the_light_in_a_circle_is_that_of_an_image():
    mix = mixture("exponential")
    x = (np.arange(1000) + 0.5) * 0.0016 - 0.8  # no further than the circle
    square = x[:, None] ** 2 + x[None, :] ** 2
    blur, scale, radius = 0.5, 1.3, 0.75
    image = sum(
        weight * np.exp(-0.5 * square / v) / (2 * np.pi * v)
        for weight, v in zip(mix.weight, mix.variance * scale**2 + blur**2, strict=True)
    )
    inside = image[square < radius**2].sum() * 0.0016**2
    ours = enclosed(mix, radius, np.array([scale]), np.ones(1), np.array([blur]))
    np.testing.assert_allclose(ours, inside, rtol=2e-4)  # pixels on the edge


def test_an_ellipse_counts_as_the_circle_of_its_area_when_that_is_small():
    mix = mixture("exponential")
    blur = np.array([1e-6])
    flat = enclosed(mix, 0.01, np.array([2.0]), np.array([0.25]), blur)
    round_ = enclosed(mix, 0.01, np.array([1.0]), np.array([1.0]), blur)
    np.testing.assert_allclose(flat, round_, rtol=1e-9)
