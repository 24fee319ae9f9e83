"""The exact solution of a shock tube (Toro 2009, chapter 4)."""

import numpy as np


def shock_tube(slope, left, right, gamma):
    """Density, velocity and pressure at x / t; both sides are given as these three."""

    def wave(p, side):
        rho, _, p0 = side
        if p > p0:
            a, b = 2 / ((gamma + 1) * rho), (gamma - 1) / (gamma + 1) * p0
            return (p - p0) * np.sqrt(a / (p + b))
        c = np.sqrt(gamma * p0 / rho)
        return 2 * c / (gamma - 1) * ((p / p0) ** ((gamma - 1) / (2 * gamma)) - 1)

    low, high = 1e-8, 100.0
    for _ in range(100):
        p = 0.5 * (low + high)
        above = wave(p, left) + wave(p, right) + right[1] - left[1] > 0
        low, high = (low, p) if above else (p, high)
    u = 0.5 * (left[1] + right[1] + wave(p, right) - wave(p, left))
    out = np.where(slope < u, side(slope, left, u, p, gamma, 1), 0)
    return np.where(slope < u, out, side(slope, right, u, p, gamma, -1))


def side(slope, state, u, p, gamma, sign):
    """The half of the solution left (sign 1) or right (sign -1) of the contact."""
    rho, u0, p0 = state
    slope, u0, u = sign * slope, sign * u0, sign * u
    c, g = np.sqrt(gamma * p0 / rho), (gamma - 1) / (gamma + 1)
    if p > p0:
        speed = u0 - c * np.sqrt((gamma + 1) / (2 * gamma) * p / p0 + (gamma - 1) / (2 * gamma))
        inner = rho * (p / p0 + g) / (g * p / p0 + 1), u, p
        values = [np.where(slope < speed, a, b) for a, b in zip((rho, u0, p0), inner, strict=True)]
    else:
        inner = rho * (p / p0) ** (1 / gamma), u, p
        factor = np.maximum(2 / (gamma + 1) + g / c * (u0 - slope), 1e-9)
        power = 2 / (gamma - 1)
        fan = (
            rho * factor**power,
            2 / (gamma + 1) * (c + (gamma - 1) / 2 * u0 + slope),
            p0 * factor ** (gamma * power),
        )
        head, tail = u0 - c, u - c * (p / p0) ** ((gamma - 1) / (2 * gamma))
        values = [
            np.where(slope < head, a, np.where(slope > tail, b, f))
            for a, b, f in zip((rho, u0, p0), inner, fan, strict=True)
        ]
    return np.stack((values[0], sign * values[1], values[2]))
