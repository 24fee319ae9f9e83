"""Rendered profiles against their flux and moments, neighbors and noise."""

import numpy as np
import pytest
from scipy.stats import lognorm

from astroclip.simulate.images import BLUR, NOISE, Source, _add_arms, expose, lognormal, render
from astroclip.simulate.light import band_fluxes, light
from astroclip.simulate.profiles import mixture
from astroclip.simulate.target_selection import targets


def source(radius, axis=1.0, angle=0.0, x=0.0, y=0.0, flux=(1.0, 2.0, 3.0)):
    each = (np.array([value]) for value in (x, y, radius, axis, angle))
    return Source(*each, np.array([flux]))


def place(size):
    return np.arange(size) - (size - 1) / 2


@pytest.mark.parametrize("kind", ["exponential", "de_vaucouleurs"])
def test_a_blurred_profile_keeps_its_flux(kind):
    blur = np.array([[2.4, 2.1, 2.0]])
    tilted = source(4.0, axis=0.4, angle=0.7, x=0.3, y=-0.4)
    image = render(tilted, mixture(kind), blur, 301)
    # Exact but for what a Gaussian leaves outside of 301 pixels and for fp32.
    np.testing.assert_allclose(image.sum((2, 3), dtype=np.float64), [[1, 2, 3]], rtol=1e-4)


def test_a_point_is_the_psf():
    blur = np.array([[1.5, 2.0, 2.5]])
    image = render(source(1e-6, x=0.25), mixture("exponential"), blur, 48)[0].astype(np.float64)
    x, y = place(48), place(48)
    flux = image.sum((1, 2))
    np.testing.assert_allclose((image.sum(1) * x).sum(1) / flux, 0.25, atol=1e-5)
    spread = np.sqrt((image.sum(2) * y**2).sum(1) / flux)
    np.testing.assert_allclose(spread, blur[0], rtol=1e-4)


def test_a_blurred_ellipse_has_the_moments_of_both():
    mix = mixture("exponential")
    radius, axis, angle, blur = 3.0, 0.5, 0.6, 1.4
    image = render(source(radius, axis, angle), mix, np.full((1, 3), blur), 101)[0, 0].astype(float)
    x, y = place(101)[None, :], place(101)[:, None]
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    size = mix.weight @ mix.variance * radius**2
    for coordinate, expected in ((along, size), (across, size * axis**2)):
        moment = (image * coordinate**2).sum() / image.sum()
        np.testing.assert_allclose(moment, expected + blur**2, rtol=1e-3)


def test_an_image_in_parts_is_the_image():
    sources = Source(*(np.concatenate([x] * 9) for x in source(3.0, 0.6, 0.2)))
    images = render(sources, mixture("exponential"), np.full((9, 3), 2.0), 48)
    np.testing.assert_allclose(images, images[:1].repeat(9, 0), rtol=1e-5)


def test_arms_keep_the_flux_and_have_two_sides():
    disk = source(6.0)
    image = render(disk, mixture("exponential"), np.full((1, 3), 1.2), 96)
    smooth = image.copy()
    _add_arms(image, disk, np.array([0.8]), np.array([[3.0, 1.0]]))
    np.testing.assert_allclose(image.sum((2, 3)), smooth.sum((2, 3)), rtol=1e-3)
    np.testing.assert_allclose(image, image[:, :, ::-1, ::-1], rtol=1e-4, atol=1e-7)
    contrast = np.abs(image / smooth - 1).max((2, 3))[0]
    assert contrast[0] > contrast[1] > contrast[2] > 0.2


def test_psf_and_noise_are_drawn_from_the_log_normals_of_the_survey():
    for law in (BLUR, NOISE):
        drawn = lognormal(np.random.default_rng(0), law, 20_000)
        for values, (shape, location, scale) in zip(drawn.T, law, strict=True):
            expected = lognorm.ppf([0.1, 0.5, 0.9], shape, location, scale)
            np.testing.assert_allclose(np.quantile(values, [0.1, 0.5, 0.9]), expected, rtol=0.03)


def test_an_image_holds_a_galaxy_its_neighbors_and_noise():
    galaxies = targets(np.random.default_rng(0), 64)
    fluxes = band_fluxes(galaxies, light(galaxies))
    empty = expose(np.random.default_rng(1), galaxies, 0 * fluxes, np.zeros(64), 48)
    spread = 1.4826 * np.median(np.abs(empty - np.median(empty, (2, 3), keepdims=True)), (2, 3))
    usual = NOISE[:, 1] + NOISE[:, 2]  # the medians of the log-normals
    # Neighbors are in a part of the pixels only, and make it a bit more.
    np.testing.assert_allclose(np.median(spread, 0), usual, rtol=0.15)
    image = expose(np.random.default_rng(1), galaxies, fluxes, np.zeros(64), 48)
    light_found = (image - empty).sum((2, 3))
    inside = galaxies.disk_radius < 1.5
    whole = fluxes.sum(1)[inside]
    assert np.median(light_found[inside] / whole) > 0.9
    assert (light_found[inside] < 1.01 * whole).all()


def test_some_images_have_bright_neighbors():
    galaxies = targets(np.random.default_rng(0), 64)
    empty = expose(np.random.default_rng(1), galaxies, np.zeros((64, 2, 3)), np.zeros(64), 48)
    seen = empty[:, 1].max((1, 2)) > 0.05  # ten times the noise of a pixel
    assert 0.1 < seen.mean() < 0.6
