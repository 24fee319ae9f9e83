r"""Kepler orbit: position and velocity of two bodies on an ellipse.

$$r = \frac{a (1 - e^2)}{1 + e \cos f}, \qquad M = E - e \sin E = t \sqrt{\mu / a^3}$$
with the pericenter on the x axis; f is the true anomaly, E the eccentric and M the mean one.
"""

import numpy as np
from jaxtyping import Float64

Scalars = Float64[np.ndarray, "..."]


def at_anomaly(
    a: Scalars, e: Scalars, f: Scalars, mu: Scalars | float = 1.0
) -> tuple[Float64[np.ndarray, "... 2"], Float64[np.ndarray, "... 2"]]:
    """Position and velocity, relative to the focus.

    Args:
        a: Semi-major axis (any unit; G = 1).
        e: Eccentricity, in [0, 1).
        f: True anomaly.
        mu: G times the sum of both masses.

    Returns:
        Position (x, y) and velocity.
    """
    p = a * (1 - e**2)
    cos, sin = np.cos(f), np.sin(f)
    position = np.stack([cos, sin], -1) * (p / (1 + e * cos))[..., None]
    return position, np.stack([-sin, e + cos], -1) * np.sqrt(mu / p)[..., None]


def later(a: Scalars, e: Scalars, f: Scalars, time: Scalars, mu: float = 1.0) -> Scalars:
    """Propagate the true anomaly by a time: Newton's method on Kepler's equation.

    Args:
        a: Semi-major axis.
        e: Eccentricity, at most 0.8, where Newton's method converges.
        f: True anomaly at the start.
        time: Elapsed time.
        mu: G times the sum of both masses.

    Returns:
        True anomaly after that time.
    """
    ratio = np.sqrt((1 + e) / (1 - e))
    start = 2 * np.arctan2(np.sin(f / 2), ratio * np.cos(f / 2))
    mean = start - e * np.sin(start) + time * np.sqrt(mu / a**3)
    eccentric = mean + e * np.sin(mean)
    for _ in range(8):  # converges quadratically: from 0.3 to 1e-16 in five steps
        wrong = eccentric - e * np.sin(eccentric) - mean
        eccentric = eccentric - wrong / (1 - e * np.cos(eccentric))
    return 2 * np.arctan2(ratio * np.sin(eccentric / 2), np.cos(eccentric / 2))
