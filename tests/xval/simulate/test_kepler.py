"""Orbits of two bodies, by Kepler's laws."""

import numpy as np

from xval.simulate.kepler import at_anomaly, later
from xval.simulate.nbody import motion


def test_periods_obey_keplers_third_law():
    a = np.array([0.5, 1.0, 2.0, 3.0])
    e = np.array([0.0, 0.1, 0.05, 0.6])
    start, speed = at_anomaly(a, e, np.array([0.0, 1.0, 2.0, 3.0]))
    light = np.tile([1.0, 1e-12], (4, 1))
    still = np.zeros((4, 1, 2))
    found = motion(
        light,
        np.concatenate([still, start[:, None]], 1),
        np.concatenate([still, speed[:, None]], 1),
        2 * np.pi * a**1.5 / 100,
        np.full(4, 101),
    )
    np.testing.assert_allclose(found.positions[:, -1, 1], start, atol=1e-8)
    assert (np.abs(found.positions[:, 50, 1] - start).max(1) > 0.5).all()


def test_a_planet_alone_follows_the_ellipse_of_kepler():
    a, e, f = np.array([1.0, 2.5]), np.array([0.09, 0.6]), np.array([0.3, 4.0])
    times = np.linspace(0, 20, 41)
    exact, _ = at_anomaly(a[:, None], e[:, None], later(a[:, None], e[:, None], f[:, None], times))
    start, speed = at_anomaly(a, e, f)
    still = np.zeros((2, 1, 2))
    paths = motion(
        np.tile([1.0, 1e-12], (2, 1)),
        np.concatenate([still, start[:, None]], 1),
        np.concatenate([still, speed[:, None]], 1),
        np.full(2, 0.5),
        np.full(2, 41),
    ).positions
    np.testing.assert_allclose(paths[:, :, 1], exact, atol=1e-7)
