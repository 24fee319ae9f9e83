"""Motion of several bodies that pull each other."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from xval.simulate.nbody import energy, motion
from xval.simulate.planets import MOST, PLAIN, draw, started
from xval.simulate.random import uniforms


def systems(number, samples=40, seed=0):
    drawn = draw(uniforms(seed, "test", np.arange(samples), PLAIN + 4 * MOST), number)
    return drawn, started(*drawn[:4])


@pytest.mark.parametrize("number", [2, 5])
def test_energy_momentum_and_angular_momentum_are_conserved(number):
    drawn, (masses, positions, velocities) = systems(number)
    found = motion(masses, positions, velocities, drawn.dt, drawn.frames)
    sound = np.isfinite(found.error)
    assert sound.mean() > 0.9
    assert found.error[sound].max() <= 1e-8
    m, start = masses.T, np.stack([positions, velocities]).transpose(0, 3, 2, 1)
    assert abs(energy(m, found.end) / energy(m, start) - 1)[sound].max() <= 1e-8
    spin = [(m * (s[0, 0] * s[1, 1] - s[0, 1] * s[1, 0])).sum(0)[sound] for s in (start, found.end)]
    np.testing.assert_allclose(spin[1], spin[0], rtol=1e-8)
    push = [(m * s[1]).sum(1)[:, sound] for s in (start, found.end)]
    np.testing.assert_allclose(push[1], push[0], atol=1e-15)


def test_paths_are_those_of_scipy():
    drawn, (masses, positions, velocities) = systems(4, 6)
    found = motion(masses, positions, velocities, drawn.dt, drawn.frames)
    for row in range(6):
        m = masses[row]

        def rate(_, flat, m=m):
            x, v = flat.reshape(2, -1, 2)
            apart = x[None] - x[:, None]
            cubed = (apart**2).sum(-1) ** 1.5 + np.eye(len(m))
            return np.concatenate([v.ravel(), ((m / cubed)[..., None] * apart).sum(1).ravel()])

        times = drawn.dt[row] * np.arange(drawn.frames[row])
        start = np.concatenate([positions[row].ravel(), velocities[row].ravel()])
        exact = (
            solve_ivp(
                rate,
                times[[0, -1]],
                start,
                "Radau" if row == 0 else "DOP853",
                times,
                rtol=1e-11,
                atol=1e-12,
            )
            .y[: 2 * len(m)]
            .T.reshape(len(times), -1, 2)
        )
        # Seven digits are written; errors of the phase grow with the square of time.
        np.testing.assert_allclose(found.positions[row, : len(times)], exact, atol=2e-7)


def test_bodies_that_meet_get_the_steps_they_need_and_go_back_where_they_came_from():
    drawn, (masses, positions, velocities) = systems(5, 200)
    one = slice(164, 165)  # its planets come too close for even steps
    there = motion(masses[one], positions[one], velocities[one], drawn.dt[one], drawn.frames[one])
    assert there.error[0] < 1e-10
    x, v = there.end.transpose(0, 3, 2, 1)
    back = motion(masses[one], x, -v, drawn.dt[one], drawn.frames[one])
    np.testing.assert_allclose(back.end[0].T, positions[one], atol=1e-6)


def test_a_collision_has_no_end():
    still = np.array([[[0.0, 0.0], [1.0, 0.0], [1.01, 0.0]]])
    found = motion(np.array([[1.0, 5e-5, 5e-5]]), still, 0 * still, np.array([0.5]), np.array([4]))
    assert np.isnan(found.error[0])
    assert np.isnan(found.positions).all()
