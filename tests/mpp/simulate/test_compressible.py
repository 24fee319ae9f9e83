"""The compressible solver against exact solutions and its conservation laws."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mpp.simulate import system
from mpp.simulate.compressible import GAMMA, compressible

_spec = importlib.util.spec_from_file_location("riemann", Path(__file__).with_name("riemann.py"))
riemann = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(riemann)


def middles(points):
    return (np.arange(points) + 0.5) / points


def strip(rho, u, v, p):
    """One trajectory that varies along y only, 8 cells wide in x."""
    fields = np.broadcast_arrays(rho, u, v, p)
    return np.stack([np.broadcast_to(q, (8, len(q))) for q in fields])[None].astype(float)


def entropy_error(points):
    x, y = middles(points)[:, None], middles(points)

    def density(t):
        return 1 + 0.2 * np.sin(2 * np.pi * (x - 1.0 * t)) * np.cos(2 * np.pi * (y - 0.5 * t))

    one = np.ones((points, points))
    state = np.stack((density(0.0), one, 0.5 * one, one))[None]
    out = compressible(state, 2, 0.3)[0, 1]
    np.testing.assert_allclose(out[1:], state[0, 1:], atol=1e-12)  # only the density moves
    return np.abs(out[0] - density(0.3)).mean()


def test_an_entropy_wave_converges_at_second_order():
    order = np.log2(entropy_error(32) / entropy_error(64))
    assert 1.8 < order < 2.5, order


def acoustic_error(points):
    small, phase = 1e-6, 2 * np.pi * middles(points)
    c = np.sqrt(GAMMA)
    wave = small * np.cos(phase)
    state = strip(1 + wave, 0.0, c * wave, 1 + c**2 * wave)
    out = compressible(state, 2, 1 / c, extent=(8 / points, 1.0))[0, 1, :, 0]  # once around
    return np.abs(out - state[0, :, 0]).mean() / small


def test_a_sound_wave_returns_after_its_period_at_second_order():
    coarse, fine = acoustic_error(32), acoustic_error(64)
    assert fine < 0.02
    assert 1.7 < np.log2(coarse / fine) < 2.6


def test_a_sound_wave_travels_at_the_speed_of_sound():
    small, points, t = 1e-6, 64, 0.3
    wave = small * np.cos(2 * np.pi * middles(points))
    c = np.sqrt(GAMMA)
    state = strip(1 + wave, 0.0, c * wave, 1 + c**2 * wave)
    out = compressible(state, 2, t, extent=(8 / points, 1.0))[0, 1, 0, 0]
    phase = -np.angle(np.sum((out - 1) * np.exp(-2j * np.pi * middles(points))))
    assert phase == pytest.approx(2 * np.pi * c * t, rel=2e-3)


def test_friction_damps_sound_by_shear_and_bulk_viscosity():
    small, points, t, eta, zeta = 1e-6, 64, 0.5, 0.003, 0.005
    c, k = np.sqrt(GAMMA), 2 * np.pi
    wave = small * np.cos(k * middles(points))
    state = strip(1 + wave, 0.0, c * wave, 1 + c**2 * wave)

    def amplitude(*viscosities):
        _, _, v, p = compressible(state, 2, t, *viscosities, extent=(8 / points, 1.0))[0, 1, :, 0]
        rightward = v + (p - 1) / c  # friction turns a little of the wave round
        return np.abs(np.mean(rightward * np.exp(-1j * k * middles(points))))

    expected = np.exp(-0.5 * (4 / 3 * eta + zeta) * k**2 * t)  # Landau and Lifshitz, section 79
    kept = amplitude(eta, zeta) / amplitude(0.0, 0.0)  # the scheme's own damping is in both
    assert kept == pytest.approx(expected, rel=2e-3)
    assert expected < 0.92


def shear_error(points):
    eta, t, k = 0.02, 0.2, 2 * np.pi
    profile = 1e-4 * np.cos(k * middles(points))  # so slow that its friction heats nothing
    out = compressible(strip(1.0, profile, 0.0, 1.0), 2, t, eta, extent=(8 / points, 1.0))
    return np.abs(out[0, 1, 1, 0] - profile * np.exp(-eta * k**2 * t)).mean() / 1e-4


def test_a_shear_flow_decays_by_viscosity_at_second_order():
    coarse, fine = shear_error(16), shear_error(32)
    assert fine < 2e-3
    assert 1.7 < np.log2(coarse / fine) < 2.6


def test_a_gas_of_honey_takes_steps_that_its_friction_allows():
    state = system("compressible").simulate(0, 1, frames=1, shape=(16, 16))[:, 0].astype(float)
    speeds = np.abs(compressible(state, 3, 0.05, eta=0.3, zeta=1.0)[0, :, 1:3]).max((1, 2, 3))
    assert speeds[2] < 0.4 * speeds[0]  # even the longest wave decays by exp(-1.2)


def test_a_shock_tube_converges_to_the_exact_solution():
    left, right, gamma, t = (1.0, 0.0, 1.0), (0.125, 0.0, 0.1), 1.4, 0.2  # Sod 1978
    errors = []
    for points in (64, 256):
        y = middles(points) - 0.5
        sides = [np.where(y < 0, a, b) for a, b in zip(left, right, strict=True)]
        state = strip(sides[0], 0.0, sides[1], sides[2])
        shape = {"extent": (8 / points, 1.0), "boundaries": ("open", "open")}
        out = compressible(state, 2, t, gamma=gamma, **shape)[0, 1, :, 0][[0, 2, 3]]
        errors.append(np.abs(out - riemann.shock_tube(y / t, left, right, gamma)).mean(-1))
    assert (errors[1] < 5e-3).all(), errors
    orders = np.log2(errors[0] / errors[1]) / 2
    assert ((orders > 0.7) & (orders < 1.3)).all(), orders  # first order at a shock


def test_a_contact_at_rest_is_kept_exactly():
    state = strip(np.where(middles(16) < 0.5, 1.0, 3.0), 0.0, 0.0, 1.0)
    np.testing.assert_allclose(compressible(state, 2, 0.5)[:, 1], state, atol=1e-13)


def test_mass_momentum_and_energy_are_conserved_with_friction():
    state = system("compressible").simulate(0, 2, frames=1, shape=(24, 32))[:, 0].astype(float)
    rho, u, v, p = np.moveaxis(compressible(state, 4, 0.05, eta=0.01, zeta=0.005), 2, 0)
    energy = p / (GAMMA - 1) + 0.5 * rho * (u**2 + v**2)
    for conserved in (rho, rho * u, rho * v, energy):
        total = conserved.mean((-2, -1))
        np.testing.assert_allclose(total, total[:, :1] + np.zeros(4), atol=1e-13)  # round-off


def test_exchanging_the_axes_exchanges_the_velocities():
    state = system("compressible").simulate(0, 1, frames=1, shape=(16, 24))[:, 0].astype(float)
    turned = state[:, [0, 2, 1, 3]].swapaxes(-2, -1)
    out = compressible(state, 2, 0.1, 0.01, 0.02)
    again = compressible(turned, 2, 0.1, 0.01, 0.02)
    np.testing.assert_allclose(again[:, :, [0, 2, 1, 3]].swapaxes(-2, -1), out, atol=1e-12)


def test_single_precision_loses_nothing_that_float32_data_would_show():
    single = system("compressible").simulate(0, 1, frames=6, shape=(32, 32))
    double = compressible(single[:, 0].astype(float), 6, 0.025, 1e-8, 1e-8)
    assert np.abs(single - double).max() < 1e-5  # values around 1, 60 steps
