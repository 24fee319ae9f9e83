"""The Fourier solver against exact flows and its conservation laws."""

import numpy as np

from mpp.simulate import system
from mpp.simulate.incompressible import incompressible
from mpp.simulate.initial_states import centers, smooth

TAU = 2 * np.pi


def start(points=32, seed=0):
    rng = np.random.default_rng(seed)
    shape = (points, points)
    return np.stack((10 * smooth(rng, shape, 3), 1 + smooth(rng, shape, 3)))[None]


def test_a_taylor_green_vortex_decays_exactly():
    x, y = TAU * centers(24)[:, None], TAU * centers(24)
    vorticity = 2 * TAU * np.cos(x) * np.cos(y)  # of psi = cos cos / tau
    state = np.stack((vorticity, np.ones_like(vorticity)))[None]
    out = incompressible(state, 3, 0.5, 0.01, 0.0)[0]
    for frame, t in enumerate((0.0, 0.5, 1.0)):
        fading = np.exp(-2 * TAU**2 * 0.01 * t)
        np.testing.assert_allclose(out[frame, 0], -np.cos(x) * np.sin(y) * fading, atol=1e-13)
        np.testing.assert_allclose(out[frame, 1], np.sin(x) * np.cos(y) * fading, atol=1e-13)


def test_a_shear_flow_carries_the_tracer_along_its_streamlines():
    x, y = TAU * centers(64)[:, None], TAU * centers(64)
    along = np.cos(y) + 0 * x  # u(y), whose vorticity is -du/dy
    state = np.stack((TAU * np.sin(y) + 0 * x, np.cos(x) + 0 * y))[None]
    out = incompressible(state, 2, 0.4, 0.0, 0.0, cfl=0.4)[0, 1]
    np.testing.assert_allclose(out[0], along, atol=1e-12)
    np.testing.assert_allclose(out[2], np.cos(x - TAU * 0.4 * along), atol=1e-5)  # time steps


def test_a_tracer_at_rest_decays_by_diffusion():
    x = TAU * centers(16)[:, None]
    tracer = np.cos(2 * x) + 0 * x.T
    out = incompressible(np.stack((0 * tracer, tracer))[None], 2, 0.3, 0.0, 0.01)[0, 1, 2]
    np.testing.assert_allclose(out, tracer * np.exp(-0.01 * (2 * TAU) ** 2 * 0.3), atol=1e-13)


def test_time_steps_are_of_fourth_order():
    state = start()
    fine, *coarse = (
        incompressible(state, 2, 0.4, 1e-3, 1e-3, cfl=cfl)[:, 1] for cfl in (0.05, 0.4, 0.2)
    )
    order = np.log2(np.abs(coarse[0] - fine).max() / np.abs(coarse[1] - fine).max())
    assert 3.5 < order < 5, order


def test_space_converges_faster_than_any_order():
    def sampled(points):  # odd ratios share cell centers: 3 i + 1 of 3 n is i of n
        return incompressible(start(points), 2, 0.1, 0.01, 0.01, cfl=0.2)[:, 1]

    reference = sampled(90)
    coarse = np.abs(sampled(18) - reference[..., 2::5, 2::5]).max()
    fine = np.abs(sampled(30) - reference[..., 1::3, 1::3]).max()
    assert np.log(coarse / fine) / np.log(30 / 18) > 6, (coarse, fine)


def test_the_flow_is_free_of_divergence():
    out = system("incompressible").simulate(0, 2, frames=4, shape=(32, 48)).astype(float)
    kx, ky = (np.fft.fftfreq(n, 1 / n) for n in (32, 48))
    spectra = np.fft.fft2(out)
    divergence = kx[:, None] * spectra[:, :, 0] + ky * spectra[:, :, 1]
    assert np.abs(divergence).max() < 1e-6 * np.abs(spectra[:, :, 0]).max() * 16  # float32 frames


def test_divergence_is_round_off_in_double_precision():
    u, v = np.moveaxis(np.fft.fft2(incompressible(start(), 3, 0.2, 1e-3, 1e-3)), 2, 0)[:2]
    k = np.fft.fftfreq(32, 1 / 32)
    assert np.abs(k[:, None] * u + k * v).max() < 1e-12 * np.abs(u).max() * 32


def test_the_mean_of_the_tracer_is_conserved():
    mean = incompressible(start(), 5, 0.2, 1e-3, 1e-3)[:, :, 2].mean((-2, -1))
    np.testing.assert_allclose(mean, mean[:, :1] + np.zeros(5), atol=1e-14)  # round-off


def test_energy_is_conserved_without_viscosity_and_lost_with_it():
    def energy(viscosity):
        out = incompressible(start(), 5, 0.1, viscosity, 0.0, cfl=0.4)
        return (out[:, :, :2] ** 2).sum(2).mean((-2, -1))[0]

    assert np.ptp(energy(0.0)) < 1e-6 * energy(0.0)[0]  # time steps only
    assert (np.diff(energy(1e-3)) < 0).all()


def test_no_product_is_aliased():
    rng = np.random.default_rng(0)  # waves up to the largest that is kept
    state = np.stack([smooth(rng, (32, 32), 10) for _ in range(2)])[None]
    out = incompressible(state, 2, 1.0, 0.0, 0.0, cfl=0.1)[0]
    for conserved in (out[:, :2], out[:, 2:] - out[:, 2:].mean()):
        total = (conserved**2).sum(1).mean((-2, -1))
        assert abs(total[1] / total[0] - 1) < 1e-6  # time steps only; aliased: 1e-3
