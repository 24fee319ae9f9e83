"""Burgers' equation against the exact solution by Cole and Hopf."""

import numpy as np
import pytest

from mpp.simulate.burgers import burgers
from mpp.simulate.initial_states import centers

K = 2 * np.pi


def cole_hopf(x, t, viscosity):
    """Minus 2 nu times the logarithmic derivative of 1 + 0.9 exp(-nu k^2 t) cos(k x)."""
    fading = 0.9 * np.exp(-viscosity * K**2 * t)
    return 2 * viscosity * K * fading * np.sin(K * x) / (1 + fading * np.cos(K * x))


def error(points, viscosity=0.02):
    x = centers(points)
    out = burgers(cole_hopf(x, 0.0, viscosity)[None, None], 2, 0.5, viscosity)
    return np.abs(out[0, 1, 0] - cole_hopf(x, 0.5, viscosity)).mean()


def test_the_solution_by_cole_and_hopf_is_met_at_second_order():
    order = np.log2(error(64) / error(128))
    assert 1.7 < order < 2.6, order
    assert error(128) < 1e-3


def test_the_mean_is_conserved_and_energy_is_lost():
    u = burgers(np.random.default_rng(0).standard_normal((2, 1, 64)), 5, 0.05, 1e-3)
    mean = u.mean(-1)
    np.testing.assert_allclose(mean, mean[:, :1] + np.zeros((5, 1)), atol=1e-14)  # round-off
    assert (np.diff((u**2).mean(-1), axis=1) < 0).all()


def test_a_shock_moves_at_the_mean_of_its_sides():
    x = centers(200)
    state = np.where((x > 0.2) & (x < 0.5), 1.0, 0.0)[None, None]
    u = burgers(state, 2, 0.2, 0.0)[0, 1, 0]
    assert x[(u > 0.5)].max() == pytest.approx(0.5 + 0.5 * 0.2, abs=0.01)  # two cells
