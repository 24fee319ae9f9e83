"""FitzHugh-Nagumo against a converged ODE, heat kernels and mirrors."""

import numpy as np
import pytest

from mpp.simulate.diffusion_reaction import diffusion_reaction, heat
from mpp.simulate.initial_states import centers


def uniform(u, v):
    return np.stack((np.full((8, 8), u), np.full((8, 8), v)))[None]


def ode(u, v, duration, decay, steps=20_000):
    """The reaction alone, by the classical Runge-Kutta method in tiny steps."""

    def rate(q):
        return np.array((q[0] - q[0] ** 3 - 5e-3 - q[1], q[0] - decay * q[1]))

    q, h = np.array((u, v)), duration / steps
    for _ in range(steps):
        a = rate(q)
        b = rate(q + h / 2 * a)
        c = rate(q + h / 2 * b)
        q = q + h / 6 * (a + 2 * b + 2 * c + rate(q + h * c))
    return q


def test_a_uniform_state_follows_the_ordinary_differential_equation_at_fourth_order():
    exact = ode(0.7, -0.2, 4.0, 0.5)
    errors = [
        np.abs(
            diffusion_reaction(uniform(0.7, -0.2), 2, 4.0, decay=0.5, reach=reach)[0, 1, :, 0, 0]
            - exact
        ).max()
        for reach in (1.0, 0.5, 0.25)
    ]
    assert errors[1] < 1e-5
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert ((orders > 3.5) & (orders < 4.6)).all(), orders


@pytest.mark.parametrize("boundary", ["periodic", "wall"])
def test_heat_spreads_by_its_kernel_and_its_images(boundary):
    x, duration, spread, place = 2 * centers(64), 0.003, 0.01, 0.5

    def bell(variance):
        images = place + 4 * np.arange(-2, 3)
        images = np.concatenate((images, images + 2 if boundary == "periodic" else -images))
        return np.exp(-((x[:, None] - images) ** 2) / (2 * variance)).sum(1) / np.sqrt(variance)

    out = heat(64, 2.0, duration, boundary).numpy() @ bell(spread)
    np.testing.assert_allclose(out, bell(spread + 2 * duration), atol=1e-9)


@pytest.mark.parametrize("boundary", ["periodic", "wall"])
def test_heat_keeps_the_mean_and_adds_its_durations(boundary):
    once, twice = (heat(17, 1.0, duration, boundary).numpy() for duration in (0.01, 0.02))
    np.testing.assert_allclose(once.sum(0), 1, atol=1e-13)
    np.testing.assert_allclose(once @ once, twice, atol=1e-13)


def test_small_waves_grow_and_turn_by_the_linear_theory():
    shape, waves, small, t = (16, 24), (2, 3), 1e-5, 1.5  # its square is below the tolerance
    x, y = (np.pi * n * 2 * centers(points) / 2 for n, points in zip(waves, shape, strict=True))
    pattern = np.cos(x)[:, None] * np.cos(y)
    out = diffusion_reaction(
        small * np.stack((pattern, 0 * pattern))[None], 2, t, (0.01, 0.02), 0.0, 0.8, 0.6, "wall"
    )[0, 1]
    k2 = sum((np.pi * n / 2) ** 2 for n in waves)  # a box of side 2
    values, vectors = np.linalg.eig(np.array([[1 - 0.01 * k2, -1], [0.8, -0.48 - 0.02 * k2]]))
    grown = (vectors * np.exp(values * t)) @ np.linalg.inv(vectors)[:, 0]
    exact = grown.real[:, None, None] * pattern
    np.testing.assert_allclose(out / small, exact, atol=1e-4)  # time steps


def test_walls_are_mirrors():
    state = np.random.default_rng(0).standard_normal((1, 2, 12, 10))
    twice = np.concatenate((state, state[..., ::-1]), -1)
    twice = np.concatenate((twice, twice[..., ::-1, :]), -2)
    box = diffusion_reaction(state, 3, 0.3, boundary="wall", extent=2.0)
    mirrored = diffusion_reaction(twice, 3, 0.3, boundary="periodic", extent=4.0)
    np.testing.assert_allclose(box, mirrored[..., :12, :10], atol=1e-12)


def test_the_oscillatory_regime_cycles_and_the_other_rests():
    cycle, rest = (
        diffusion_reaction(uniform(0.3, 0.0), 101, 1.0, decay=decay)[0, 50:, 0, 0, 0]
        for decay in (0.5, 1.0)
    )
    assert np.ptp(cycle) > 1
    assert (np.diff(np.sign(cycle)) != 0).sum() == pytest.approx(2 * 50 / 7.3, abs=1.5)  # period
    assert rest[-1] == pytest.approx(-(5e-3 ** (1 / 3)), abs=0.02)  # u = v, u^3 = -k


def test_time_steps_are_of_fourth_order_where_the_state_is_smooth():
    x = np.pi * 2 * centers(24)
    state = np.stack((np.cos(x)[:, None] * np.sin(x), np.sin(2 * x) + 0 * x[:, None]))[None]
    fine, *coarse = (
        diffusion_reaction(state, 2, 1.0, reach=reach)[:, 1] for reach in (0.05, 1.0, 0.5)
    )
    order = np.log2(np.abs(coarse[0] - fine).max() / np.abs(coarse[1] - fine).max())
    assert 3.5 < order < 4.6, order
