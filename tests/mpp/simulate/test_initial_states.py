"""Random initial states."""

import numpy as np

from mpp.simulate.initial_states import smooth


def test_a_smooth_field_has_zero_mean_and_unit_variance():
    field = smooth(np.random.default_rng(0), (32, 24), 4)
    assert abs(field.mean()) < 1e-14
    assert abs(field.var() - 1) < 1e-13


def test_a_smooth_field_does_not_depend_on_the_grid():
    fine = smooth(np.random.default_rng(0), (48, 30), 3)
    coarse = smooth(np.random.default_rng(0), (16, 10), 3)
    np.testing.assert_allclose(coarse, fine[1::3, 1::3], atol=1e-13)  # centers they share


def test_a_smooth_field_has_no_wave_beyond_the_largest():
    spectrum = np.fft.fft2(smooth(np.random.default_rng(0), (32, 32), 3))
    k = np.fft.fftfreq(32, 1 / 32)
    assert np.abs(spectrum[np.hypot(k[:, None], k) > 3]).max() < 1e-10
