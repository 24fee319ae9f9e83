"""Planetary systems with gravitational interaction, as the paper's texts.

Source: Golkar et al. 2023, section 3.3, and the distributions of the authors' released program: a
star of mass 1, initially at rest; 2 to 5 planets with evenly spaced semi-major axes from 1 on; all
pericenters on the x axis; the orbital elements of a planet are relative to the center of mass of
the bodies before it. Positions are relative to the star's initial one.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from sciformer.arguments import check_share
from xval.simulate.kepler import at_anomaly
from xval.simulate.nbody import TOLERANCE, Vectors, motion
from xval.simulate.random import between, integers, uniforms
from xval.simulate.text import Texts, check_digits, significant

FEWEST, MOST = 2, 5
AXIS_GAP = (1.005, 1.12)  # no planet here: the innermost is at 1, the next beyond 1.125
STEP_GAP = (0.801, 0.827)  # no time step here: the widest gap between the 262 values
FARTHEST = 10.0  # systems with a planet beyond, or with a collision, are drawn again
PLAIN = 9  # columns of random numbers before those of the planets

Each = Float64[np.ndarray, "systems planets"]


class Systems(NamedTuple):
    """Parameters of systems with the same number of planets."""

    m: Each
    a: Each
    e: Each
    f: Each
    dt: Float64[np.ndarray, " systems"]
    frames: Int64[np.ndarray, " systems"]


def planets(
    seed: int,
    samples: Int64[np.ndarray, " samples"],
    digits: int = 7,
    axis_outside: float = 0.0,
    step_outside: float = 0.0,
) -> Texts:
    """Simulate planetary systems and write them as text.

    Args:
        seed: Seed of the data set; at least 0.
        samples: Indices of the samples.
        digits: Significant digits of every number; float32 holds 7.
        axis_outside: Fraction of systems whose innermost axis is in ``AXIS_GAP`` and not 1.
        step_outside: Fraction of systems whose time step is in ``STEP_GAP``.

    Returns:
        ``{'description':{'planet0':{'m':m,'a':a,'e':e},...,'stepsize':dt},'data':[[[x,y],...],...]}``
        with masses times 1e5 and eccentricities times 20.

    Raises:
        ValueError: If a parameter is out of range.
    """
    check_digits(digits)
    check_share(axis_outside=axis_outside, step_outside=step_outside)
    texts = np.full(len(samples), "", object)
    left, attempt = np.arange(len(samples)), 0
    while len(left):
        uniform = uniforms(seed, f"planets/{attempt}", samples[left], PLAIN + 4 * MOST)
        count = integers(uniform[:, 0], FEWEST, MOST)
        for number in np.unique(count).tolist():
            rows = count == number
            drawn = draw(uniform[rows], number, axis_outside, step_outside)
            texts[left[rows]] = _written(drawn, digits)
        left, attempt = left[texts[left] == ""], attempt + 1
    return Texts(texts.tolist(), {"id": [f"planets/{seed}/{n}" for n in samples.tolist()]})


def draw(
    uniform: Float64[np.ndarray, "systems columns"],
    number: int,
    axis_outside: float = 0.0,
    step_outside: float = 0.0,
) -> Systems:
    """Draw the parameters of systems from the paper's distributions, or from the gaps in them.

    Args:
        uniform: Uniform random numbers in [0, 1).
        number: Number of planets.
        axis_outside: Fraction of systems whose innermost axis is in ``AXIS_GAP`` and not 1.
        step_outside: Fraction of systems whose time step is in ``STEP_GAP``.

    Returns:
        Parameters of the systems.
    """
    one = uniform.T
    m, e, f, place = (uniform[:, PLAIN + k * MOST :][:, :number] for k in range(4))
    f = np.where(one[1][:, None] < 0.3, 0.0, between(f, 0.0, 2 * np.pi))
    inner = np.where(one[2] < axis_outside, between(one[3], *AXIS_GAP), 1.0)
    a = np.linspace(inner, between(one[4], 1.5, 3.0), number, axis=1)
    a = np.take_along_axis(a, np.argsort(place, axis=1, kind="stable"), 1)
    frames = integers(one[5], 30, 59)
    dt = integers(one[6], 15, 24) / (frames - 1)
    dt = np.where(one[7] < step_outside, between(one[8], *STEP_GAP), dt)
    return Systems(between(m, 1e-5, 5e-5), a, between(e, 0.0, 0.1), f, dt, frames)


def started(
    m: Each, a: Each, e: Each, f: Each
) -> tuple[Float64[np.ndarray, "systems bodies"], Vectors, Vectors]:
    """Initial masses, positions and velocities of the star and its planets.

    Args:
        m: Masses of the planets.
        a: Semi-major axes, about the center of mass of all bodies before.
        e: Eccentricities.
        f: True anomalies.

    Returns:
        Masses, positions, velocities; the star first.
    """
    masses = np.concatenate([np.ones((len(m), 1)), m], 1)
    total = np.cumsum(masses, 1)
    moving = np.zeros((2, *masses.shape, 2))  # positions and velocities
    relative = np.stack(at_anomaly(a, e, f, total[:, 1:]))
    center = np.zeros((2, len(m), 2))
    for planet in range(m.shape[1]):
        moving[:, :, planet + 1] = center + relative[:, :, planet]
        share = m[:, planet] / total[:, planet + 1]
        center = center + share[:, None] * relative[:, :, planet]
    return masses, moving[0], moving[1]


def _written(drawn: Systems, digits: int) -> list[str]:
    """Texts of systems; empty for a system that must be drawn again."""
    m, a, e, f, dt, frames = drawn
    found = motion(*started(m, a, e, f), dt, frames)
    paths = found.positions[:, :, 1:]
    sound = (found.error <= TOLERANCE) & (np.nan_to_num(np.abs(paths)).max((1, 2, 3)) < FARTHEST)
    elements = np.stack([m * 1e5, a, e * 20], -1).reshape(len(m), -1)
    heads = np.concatenate([elements, dt[:, None]], 1).tolist()
    number = m.shape[1]
    return [
        _template(number, size, digits) % (*head, *path[:size].ravel().tolist()) if good else ""
        for good, size, head, path in zip(sound, frames.tolist(), heads, paths, strict=True)
    ]


@cache
def _template(number: int, frames: int, digits: int) -> str:
    """Format string of systems with equal numbers of planets and frames."""
    form = significant(digits)
    each = f"{{'m':{form},'a':{form},'e':{form}}}"
    description = ",".join(f"'planet{k}':{each}" for k in range(number))
    frame = "[" + ",".join([f"[{form},{form}]"] * number) + "]"
    data = ",".join([frame] * frames)
    return f"{{'description':{{{description},'stepsize':{form}}},'data':[{data}]}}"
