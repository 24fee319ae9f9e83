import ast
import re
import sys

import numpy as np

from xval.encodings.numbers_in_text import cut
from xval.simulate import text_set
from xval.simulate.nbody import motion
from xval.simulate.planets import AXIS_GAP, MOST, PLAIN, STEP_GAP, draw, started
from xval.simulate.random import uniforms


def systems(number, samples=40, seed=0):
    drawn = draw(uniforms(seed, "test", np.arange(samples), PLAIN + 4 * MOST), number)
    return drawn, started(*drawn[:4])


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
