"""Kepler orbits of one planet: the smallest set with a gap (a toy form of the paper's figure 5)."""

import numpy as np
from jaxtyping import Int64

from sciformer.arguments import check_least, check_share
from xval.simulate.kepler import at_anomaly, later
from xval.simulate.planets import AXIS_GAP
from xval.simulate.random import between, integers, uniforms
from xval.simulate.text import Texts, check_digits, significant


def orbits(
    seed: int,
    samples: Int64[np.ndarray, " samples"],
    frames: int = 6,
    digits: int = 7,
    outside: float = 0.0,
) -> Texts:
    """Random elliptical orbits, written as positions at equal time steps.

    The semi-major axis is exactly 1 for a third of the planets and uniform from 1.125 to 3 for the
    rest, as in the paper's systems; eccentricity, anomaly and time step are drawn as there.

    Args:
        seed: Seed of the data set; at least 0.
        samples: Indices of the samples.
        frames: Number of positions in a text.
        digits: Significant digits of every number.
        outside: Fraction of planets whose axis is in ``AXIS_GAP``, which others avoid; in [0, 1].

    Returns:
        ``{'a':a,'stepsize':dt,'data':[[x,y],...]}``.

    Raises:
        ValueError: If a parameter is out of range.
    """
    check_digits(digits)
    check_share(outside=outside)
    check_least(frames=(frames, 1))
    u = uniforms(seed, "orbits", samples, 7).T
    a = np.where(u[0] < 1 / 3, 1.0, between(u[1], 1.125, 3.0))
    a = np.where(u[2] < outside, between(u[1], *AXIS_GAP), a)
    e, f = between(u[3], 0.0, 0.1), between(u[4], 0.0, 2 * np.pi)
    dt = integers(u[5], 15, 24) / (integers(u[6], 30, 59) - 1)
    times = dt[:, None] * np.arange(frames)
    a_, e_ = a[:, None], e[:, None]
    where, _ = at_anomaly(a_, e_, later(a_, e_, f[:, None], times))
    form = significant(digits)
    pairs = ",".join([f"[{form},{form}]"] * frames)
    template = f"{{'a':{form},'stepsize':{form},'data':[{pairs}]}}"
    numbers = np.concatenate([a_, dt[:, None], where.reshape(len(a), -1)], 1).tolist()
    texts = [template % tuple(row) for row in numbers]
    return Texts(texts, {"id": [f"orbits/{seed}/{n}" for n in samples.tolist()]})
