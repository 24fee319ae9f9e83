import ast
import re
import sys

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from xval.encodings.numbers_in_text import cut
from xval.simulate import text_set
from xval.simulate.kepler import at_anomaly, later
from xval.simulate.nbody import energy, motion
from xval.simulate.planets import AXIS_GAP, MOST, PLAIN, STEP_GAP, draw, started
from xval.simulate.random import uniforms


def systems(number, samples=40, seed=0):
    drawn = draw(uniforms(seed, "test", np.arange(samples), PLAIN + 4 * MOST), number)
    return drawn, started(*drawn[:4])


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


def test_systems_that_cannot_be_written_are_drawn_again(monkeypatch):
    """Dossier 4.1, bug 13: the original tests one system and writes another one."""
    monkeypatch.setattr(sys.modules[draw.__module__], "FARTHEST", 1.8)  # a third of all
    texts = text_set("planets").simulate(0, 8).texts
    assert max(np.abs(ast.literal_eval(text)["data"]).max() for text in texts) < 1.8
    assert text_set("planets").simulate(0, 1, first=5).texts == [texts[5]]


def test_a_single_system_has_plain_numbers():
    """Dossier 4.1, bug 13: the original writes np.float64(1.94), and no fewer than ten systems."""
    (text,) = text_set("planets").simulate(3, 1).texts
    said = ast.literal_eval(text)
    assert not re.search("[a-df-z]", re.sub(r"'\w+'", "", text))  # an exponent has an e
    assert len(cut(text).numbers) == 3 * len(said["description"]) - 2 + np.size(said["data"])


def test_planets_pull_each_other():
    drawn, (masses, positions, velocities) = systems(3, 8)
    heavy = masses.copy()
    heavy[:, 1] *= 2
    paths = [
        motion(m, positions, velocities, drawn.dt, drawn.frames).positions for m in (masses, heavy)
    ]
    moved = np.nanmax(np.abs(paths[1] - paths[0])[:, :, 2:], (1, 2, 3))
    assert (moved > 1e-5).all()  # the mass can be learned from seven digits


def test_a_text_says_what_was_simulated():
    found = text_set("planets").simulate(0, 64)
    counts, together = set(), 0
    for text in found.texts:
        said = ast.literal_eval(text)
        assert text == str(said).replace(" ", "") or "e-" in text or ".0" in text
        description, data = said["description"], np.array(said["data"])
        step = description.pop("stepsize")
        assert list(description) == [f"planet{k}" for k in range(len(description))]
        counts.add(len(description))
        frames, number, axes = data.shape
        assert 30 <= frames <= 59
        assert number == len(description)
        assert axes == 2
        assert 15 <= round(step * (frames - 1), 4) <= 24
        a = sorted(planet["a"] for planet in description.values())
        assert a[0] == 1
        assert 1.5 <= a[-1] <= 3
        np.testing.assert_allclose(np.diff(a), (a[-1] - 1) / (number - 1), atol=1e-6)
        for planet in description.values():
            assert 1 <= planet["m"] <= 5
            assert 0 <= planet["e"] <= 2
        radius = np.hypot(*data[0].T)
        axis, e = (np.array([p[key] for p in description.values()]) for key in ("a", "e"))
        assert (abs(radius / axis - 1) <= e / 20 + 1e-3).all()  # of the bodies before, not the star
        together += bool((abs(data[0, :, 1]) < 1e-3).all())
    assert counts == {2, 3, 4, 5}
    assert 8 <= together <= 31  # 0.3 of 64, three deviations


def test_gaps_are_empty_unless_they_are_asked_for():
    uniform = uniforms(0, "test", np.arange(4000), PLAIN + 4 * MOST)
    for share in (0.0, 0.25):
        for number in (2, 5):
            drawn = draw(uniform, number, share, share)
            inner = drawn.a.min(1)
            assert ((inner == 1) | (inner > AXIS_GAP[0])).all()
            found = [
                ((x > low) & (x < high)).mean()
                for x, (low, high) in ((drawn.a, AXIS_GAP), (drawn.dt, STEP_GAP))
            ]
            expected = np.array([share / number, share])
            np.testing.assert_allclose(found, expected, atol=0.03 if share else 0)
    values = {revs / (steps - 1) for revs in range(15, 25) for steps in range(30, 60)}
    assert len(values) == 262
    assert not any(STEP_GAP[0] <= value <= STEP_GAP[1] for value in values)
    every = {"axis_outside": 1, "step_outside": 1}
    for text in text_set("planets").simulate(0, 4, parameters=every).texts:
        said = ast.literal_eval(text)["description"]
        assert STEP_GAP[0] <= said.pop("stepsize") <= STEP_GAP[1]
        assert AXIS_GAP[0] <= min(planet["a"] for planet in said.values()) <= AXIS_GAP[1]


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


def test_orbits_leave_a_gap_and_fill_it_on_demand():
    for outside, low, high in ((0.0, 1.125, 3.0), (1.0, *AXIS_GAP)):
        texts = text_set("orbits").simulate(0, 900, parameters={"outside": outside}).texts
        said = [ast.literal_eval(text) for text in texts]
        assert all(len(each["data"]) == 6 for each in said)
        a = np.array([each["a"] for each in said])
        others = a[a != 1]
        assert ((others >= low) & (others <= high)).all()
        assert abs((a == 1).mean() - (0 if outside else 1 / 3)) < 0.06
        radius = np.array([np.hypot(*np.array(each["data"]).T) for each in said])
        assert (abs(radius / a[:, None] - 1) <= 0.1 + 1e-6).all()
