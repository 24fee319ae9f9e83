import numpy as np
import pytest
from galaxy_files import flux, ivar

from astroclip.data.readers.resample import resampled, rescaled, to_vacuum
from astroclip.survey import FIRST, PIXEL_SCALE, STEP, wavelengths


def widths(grid):
    return np.gradient(grid)  # of pixels whose edges are half-way between middles


def test_a_spectrum_on_our_grid_is_not_touched():
    new_flux, new_ivar = resampled(wavelengths(), flux(), ivar())
    np.testing.assert_array_equal(new_flux, flux())
    np.testing.assert_array_equal(new_ivar, ivar())


@pytest.mark.parametrize("first", [0, 2700, 4900, -30, 7000])
def test_an_arm_on_our_grid_is_only_moved(first):
    grid = FIRST + STEP * (first + np.arange(1000))
    new_flux, new_ivar = resampled(grid, flux(pixels=1000), ivar(pixels=1000))
    start, stop = max(first, 0), min(first + 1000, 7781)
    inside = slice(start - first, stop - first)
    np.testing.assert_array_equal(new_flux[start:stop], flux(pixels=1000)[inside])
    np.testing.assert_array_equal(new_ivar[start:stop], ivar(pixels=1000)[inside])
    assert new_ivar[:start].sum() == new_ivar[stop:].sum() == 0


@pytest.mark.parametrize(
    "grid",
    [
        np.linspace(4000, 9000, 5001),
        np.linspace(4000, 9000, 777),
        10 ** np.arange(3.6, 3.95, 1e-4),
        np.linspace(4000.3, 9000.1, 6251),
    ],
    ids=["1 A", "6.4 A", "log", "0.8 A, shifted"],
)
def test_the_integral_of_the_flux_is_conserved(grid):
    line = np.exp(-0.5 * ((grid - 6500) / 40) ** 2)  # nothing at the ends, where pixels are cut
    new, _ = resampled(grid, line, np.ones(len(grid)))
    integral = (line * widths(grid)).sum()
    np.testing.assert_allclose(new.astype(np.float64).sum() * STEP, integral, rtol=1e-6)  # float32


def test_a_constant_stays_a_constant():
    grid = 10 ** np.arange(3.55, 4.0, 1e-4)
    new, weight = resampled(grid, np.full(len(grid), 3.0), np.ones(len(grid)))
    np.testing.assert_allclose(new[weight > 0], 3.0, rtol=1e-6)


def test_the_variance_of_a_mean_of_pixels_is_that_of_the_mean():
    grid = FIRST + STEP / 4 * (np.arange(7781 * 4) - 1.5)  # four old pixels in a new one
    old = np.random.default_rng(0).uniform(1, 3, len(grid))
    _, new = resampled(grid, np.ones(len(grid)), 1 / old)
    expected = old.reshape(-1, 4).sum(1) / 16
    np.testing.assert_allclose(1 / new, expected, rtol=1e-5)


def test_what_was_not_measured_has_no_part_in_the_mean():
    grid = FIRST + STEP / 2 * (np.arange(7781 * 2) - 0.5)
    old, weight = np.tile([1.0, 5.0], 7781), np.tile([1.0, 0.0], 7781)
    old[0], weight[200:202] = np.nan, 0
    new, new_weight = resampled(grid, old, weight)
    assert new_weight[0] == new_weight[100] == 0
    np.testing.assert_allclose(np.delete(new, [0, 100]), 1.0)


def test_wavelengths_in_air_move_to_those_in_vacuum():
    # H-alpha: 6562.79 in air, 6564.60 in vacuum (NIST); [O II]: 3728.815 in vacuum
    np.testing.assert_allclose(
        to_vacuum(np.array([6562.79, 3727.75])), [6564.60, 3728.81], atol=0.02
    )
    grid = np.arange(3500, 9900, 0.5)
    line = np.exp(-0.5 * ((grid - 6562.79) / 3) ** 2)
    new, _ = resampled(grid, line, np.ones(len(grid)), air=True)
    assert abs((new * wavelengths()).sum() / new.sum() - 6564.60) < 0.05


def test_wavelengths_in_the_wrong_order_or_place_are_an_error():
    grid = wavelengths()
    with pytest.raises(ValueError, match=r"ascend"):
        resampled(grid[::-1].copy(), flux(), ivar())
    with pytest.raises(ValueError, match=r"3600 to 9824 are needed"):
        resampled(grid + 9000, flux(), ivar())
    with pytest.raises(ValueError, match=r"\(7781,\), \(7780,\)"):
        resampled(grid, flux()[1:], ivar())


@pytest.mark.parametrize("scale", [0.131, 0.2, 0.396, 0.524])
def test_an_image_of_another_scale_keeps_its_flux(scale):
    rows, columns = np.indices((64, 64)) - 31.5
    old = np.stack([np.exp(-0.5 * (rows**2 + columns**2) / 5**2)] * 3).astype(np.float32)
    new = rescaled(old, scale)
    assert new.shape[1] == int(64 * scale / PIXEL_SCALE + 1e-6)
    np.testing.assert_allclose(new.sum((1, 2)), old.sum((1, 2)), rtol=1e-5)


def test_an_image_of_half_the_scale_is_summed_in_squares_of_four():
    old = np.random.default_rng(0).normal(size=(3, 10, 8)).astype(np.float32)
    new = rescaled(old, PIXEL_SCALE / 2)
    np.testing.assert_allclose(new, old.reshape(3, 5, 2, 4, 2).sum((2, 4)), atol=1e-5)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_that_is_none_is_an_error(scale):
    with pytest.raises(ValueError, match=r"scale: .* is not between 0.01 and 20.0 arcsec"):
        rescaled(np.zeros((3, 4, 4), np.float32), scale)
