"""Aperture photometry of images whose answers are known."""

import math

import pytest
import torch

from astroclip.nn.aperture_photometry import APERTURES, FEATURES, SOFTENING, photometry
from astroclip.survey import PIXEL_SCALE


def gaussian(flux, sigma, ratio=1.0, angle=0.0, size=48):
    """An elliptical Gaussian in the middle; sigma along the long axis in arcsec."""
    place = (torch.arange(size, dtype=torch.float64) + 0.5 - size / 2) * PIXEL_SCALE
    x, y = place[None, :], place[:, None]
    along = x * math.cos(angle) + y * math.sin(angle)
    across = (-x * math.sin(angle) + y * math.cos(angle)) / ratio
    light = torch.exp(-(along**2 + across**2) / (2 * sigma**2))
    light *= flux * PIXEL_SCALE**2 / (2 * math.pi * sigma**2 * ratio)
    return light


def test_fluxes_of_a_gaussian_are_those_of_the_formula():
    image = torch.stack([gaussian(flux, 1.0) for flux in (5.0, 10.0, 20.0)])[None]
    fluxes = SOFTENING * photometry(image)[0, :15].reshape(3, 5).sinh()
    share = 1 - torch.exp(-(torch.tensor(APERTURES, dtype=torch.float64) ** 2) / 2)
    expected = torch.tensor([5.0, 10.0, 20.0], dtype=torch.float64)[:, None] * share
    # A pixel is shared out in 25 parts and taken as flat: half a percent of the flux.
    torch.testing.assert_close(fluxes, expected, rtol=0.01, atol=0.0)


def test_colors_are_differences_of_fluxes_and_vanish_for_equal_bands():
    image = gaussian(10.0, 1.0).expand(1, 3, -1, -1)
    assert photometry(image)[0, 15:21].abs().max() == 0
    red = torch.stack([gaussian(flux, 1.0) for flux in (100.0, 200.0, 400.0)])[None]
    # asinh is the logarithm for bright objects.
    torch.testing.assert_close(
        photometry(red)[0, 15:21],
        torch.full((6,), -math.log(2), dtype=torch.float64),
        rtol=1e-3,
        atol=0.0,
    )


def test_half_of_the_light_of_a_gaussian_is_within_1_177_sigma():
    image = torch.stack([gaussian(10.0, sigma) for sigma in (0.8, 1.2, 1.6)])[None]
    expected = 1.17741 * torch.tensor([0.8, 1.2, 1.6], dtype=torch.float64)
    # Rings are a quarter of an arcsecond wide, linear in between.
    torch.testing.assert_close(photometry(image)[0, 21:24], expected, rtol=0.03, atol=0.0)


def test_concentration_does_not_depend_on_size():
    image = torch.stack([gaussian(10.0, sigma) for sigma in (0.8, 1.2, 1.6)])[None]
    expected = 0.5 * math.log(math.log(5) / math.log(1.25))
    assert photometry(image)[0, 24:27].sub(expected).abs().max() < 0.06


@pytest.mark.parametrize("angle", [0.0, 0.5, 1.3])
def test_ellipticity_does_not_depend_on_the_angle(angle):
    image = gaussian(10.0, 1.0, ratio=0.5, angle=angle).expand(1, 3, -1, -1)
    # Under the window of 2 arcsec the variances of 1 and 1/4 are 1 / (1 + 1/4) and so on.
    ratio = math.sqrt((1 / (4 + 0.25)) / (1 / (1 + 0.25)))
    assert abs(float(photometry(image)[0, -1]) - (1 - ratio)) < 0.01
    round_one = photometry(gaussian(10.0, 1.0).expand(1, 3, -1, -1))
    assert float(round_one[0, -1]) < 1e-6


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_an_image_without_light_has_finite_features(value):
    features = photometry(torch.full((2, 3, 48, 48), value))
    assert features.shape == (2, FEATURES)
    assert features.isfinite().all()


def test_a_galaxy_does_not_depend_on_the_batch():
    images = torch.randn(4, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    # Matrix products of one and of four rows may round in another order.
    torch.testing.assert_close(photometry(images)[:1], photometry(images[:1]))


def test_a_small_image_has_what_is_left_of_the_wide_apertures():
    image = gaussian(10.0, 0.6, size=20).expand(1, 3, -1, -1)
    assert abs(float(photometry(image)[0, 4]) - math.asinh(10.0 / SOFTENING)) < 0.01
