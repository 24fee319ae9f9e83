"""Noise and its inverse variance, lost pixels and failures."""

import numpy as np
import pytest

from astroclip.simulate.spectrograph import FAILURES, NIGHTS, noise_level, observe, sky_lines
from astroclip.survey import PIXELS, wavelengths

COUNT = 400


@pytest.fixture(scope="module")
def blank():
    return observe(np.random.default_rng(0), np.zeros((COUNT, PIXELS), np.float32))


def test_noise_is_what_ivar_says(blank):
    flux, ivar, mask = blank
    chi2 = np.array(
        [np.square(f[~m] * np.sqrt(i[~m])).mean() for f, i, m in zip(*blank, strict=True)]
    )
    assert ivar.dtype == flux.dtype == np.float32
    assert mask.any()
    # 7781 pixels: 0.016 of a spectrum; where one fails the error is larger than ivar says.
    assert abs(np.median(chi2) - 1) < 0.003
    assert 0.93 < (np.abs(chi2 - 1) < 0.06).mean() < 1


def test_flux_is_seen_with_noise_of_the_same_size():
    model = np.full((8, PIXELS), 100.0, np.float32)
    bright = observe(np.random.default_rng(0), model)
    dark = observe(np.random.default_rng(0), 0 * model)
    good = ~bright[2]
    np.testing.assert_allclose(bright[0][good] - dark[0][good], 100.0, atol=2e-4)
    np.testing.assert_array_equal(bright[1], dark[1])


def test_ivar_is_zero_where_a_pixel_is_masked_and_nowhere_else(blank):
    _, ivar, mask = blank
    np.testing.assert_array_equal(ivar == 0, mask)


def test_a_usual_spectrum_loses_a_few_pixels(blank):
    lost = blank[2].sum(1)
    assert 3 < np.median(lost) < 10


def test_some_spectra_lack_a_part(blank):
    flux, _, mask = blank
    long = mask.sum(1) > 200
    assert 0.3 * FAILURES / 3 < long.mean() < 2.5 * FAILURES / 3
    assert (flux[long][mask[long]] == 0).mean() > 0.9


def test_nights_differ(blank):
    level = 1 / np.sqrt(np.median(blank[1], axis=1))
    assert abs(np.log(level).std() - NIGHTS) < 0.03


def test_lines_of_the_sky_are_noisy():
    seen, level = wavelengths(), noise_level()
    line = np.abs(seen - 5578.9).argmin()
    assert level[line] > 3 * level[line - 30]
    assert (sky_lines() >= 0).all()
    assert sky_lines()[(seen > 4000) & (seen < 5500)].max() < 1e-6
