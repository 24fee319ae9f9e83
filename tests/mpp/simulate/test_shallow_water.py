"""Shallow water against exact solutions and its conservation laws."""

import numpy as np
import pytest

from mpp.simulate import system
from mpp.simulate.shallow_water import shallow_water


def strip(h, u=0.0, v=0.0):
    """One trajectory that varies along y only, 8 cells wide in x."""
    return np.stack([np.broadcast_to(q, (8, len(h))) for q in (h, u + 0 * h, v + 0 * h)])[None]


def middles(points):
    return (np.arange(points) + 0.5) / points


def simple_wave(y, t):
    """Depth and speed of a wave that runs one way: c is constant where dy/dt = 3 c - 2."""

    def speed(start):
        return 1 + 0.02 * np.sin(2 * np.pi * start)

    start = y
    for _ in range(100):  # a contraction until the wave breaks
        start = y - (3 * speed(start) - 2) * t
    return speed(start) ** 2, 2 * (speed(start) - 1)


def wave_error(points):
    y = middles(points)
    h, v = simple_wave(y, 0.0)
    out = shallow_water(strip(h, v=v), 2, 0.5, extent=(8 / points, 1.0))[0, 1, :, 0]
    exact_h, exact_v = simple_wave(y, 0.5)
    return np.abs(out[0] - exact_h).mean(), np.abs(out[2] - exact_v).mean()


def test_a_nonlinear_wave_converges_at_second_order():
    coarse, fine = wave_error(32), wave_error(64)
    orders = np.log2(np.array(coarse) / fine)
    assert (orders > 1.7).all(), orders  # 2 but for the limiter at the crests
    assert (orders < 2.6).all(), orders


def test_small_waves_travel_at_the_square_root_of_g_h():
    points, depth, gravity = 64, 1.5, 1.3
    phase = 2 * np.pi * middles(points)
    c, small, t = np.sqrt(gravity * depth), 1e-6, 0.4
    state = strip(depth + small * np.cos(phase), v=c / depth * small * np.cos(phase))
    out = shallow_water(state, 2, t, gravity, (1.0, 1.0))[0, 1, 0, 0]
    travelled = np.sum((out - depth) * np.exp(1j * (2 * np.pi * c * t - phase)))
    assert np.angle(travelled) == pytest.approx(0, abs=0.007)  # of 3.5 radians, on 64 cells


def test_a_lake_at_rest_stays_at_rest():
    state = strip(np.full(16, 1.7))
    assert np.array_equal(shallow_water(state, 3, 0.5)[:, -1], state)


def test_mass_and_momentum_are_conserved_on_a_torus():
    out = system("shallow_water").simulate(0, 2, frames=4, shape=(24, 40)).astype(float)
    out = shallow_water(out[:, 0], 6, 0.2, extent=(5.0, 5.0))
    h = out[:, :, 0]
    for conserved in (h, h * out[:, :, 1], h * out[:, :, 2]):
        total = conserved.mean((-2, -1))
        np.testing.assert_allclose(total, total[:, :1] + np.zeros(6), atol=1e-14)  # round-off


def test_energy_is_lost_in_bores_and_never_gained():
    state = system("shallow_water").simulate(1, 2, frames=1)[:, 0].astype(float)
    h, u, v = np.moveaxis(shallow_water(state, 8, 0.3, extent=(5.0, 5.0)), 2, 0)
    energy = (0.5 * h * (u**2 + v**2) + 0.5 * h**2).mean((-2, -1))
    assert (np.diff(energy, axis=1) < 0).all()


def stoker(position, t):
    """The exact dam break, depth 2 on the left and 1 on the right (Stoker 1957, chapter 10.8)."""
    low, high = 1.0, 2.0
    for _ in range(60):
        h = 0.5 * (low + high)
        behind = 2 * (np.sqrt(2.0) - np.sqrt(h)) - (h - 1) * np.sqrt(0.5 * (h + 1) / h)
        low, high = (h, high) if behind > 0 else (low, h)
    u = 2 * (np.sqrt(2.0) - np.sqrt(h))
    shock = h * u / (h - 1)
    slope = position / t
    fan = (2 * np.sqrt(2.0) - slope) ** 2 / 9
    inside = np.where(slope < u - np.sqrt(h), fan, h)
    inside = np.where(slope < -np.sqrt(2.0), 2.0, inside)
    return np.where(slope > shock, 1.0, inside)


def dam_error(points):
    y = middles(points) - 0.5
    state = strip(np.where(y < 0, 2.0, 1.0))
    out = shallow_water(state, 2, 0.2, extent=(8 / points, 1.0), boundaries=("open", "open"))
    return np.abs(out[0, 1, 0, 0] - stoker(y, 0.2)).mean()


def test_a_dam_break_converges_to_the_exact_solution():
    coarse, fine = dam_error(64), dam_error(256)
    assert fine < 4e-3
    assert 0.7 < np.log2(coarse / fine) / 2 < 1.2  # first order at a shock


def test_a_round_dam_break_has_the_symmetry_of_the_grid():
    out = system("dam_break").simulate(0, 1, shape=(32, 32))[0]
    np.testing.assert_allclose(out[:, 0], out[:, 0].swapaxes(-2, -1), atol=1e-6)
    np.testing.assert_allclose(out[:, 1], out[:, 2].swapaxes(-2, -1), atol=1e-6)
    np.testing.assert_allclose(out[:, 1], -out[:, 1, ::-1], atol=1e-6)


def test_waves_leave_through_an_open_boundary():
    y = middles(64)
    bump = 0.01 * np.exp(-(((y - 0.5) / 0.08) ** 2))
    state = strip(1 + bump)
    out = shallow_water(state, 2, 1.5, extent=(8 / 64, 1.0), boundaries=("open", "open"))
    assert np.abs(out[0, 1, 0] - 1).max() < 0.02 * bump.max()
