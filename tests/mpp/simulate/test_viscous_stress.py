"""Friction against derivatives written out."""

import numpy as np
import torch

from mpp.simulate.initial_states import centers
from mpp.simulate.viscous_stress import viscous_rate

K, ETA, ZETA = 2 * np.pi, 0.3, 0.7


def error(points):
    x, y = K * centers(points)[:, None], K * centers(points)
    u, v = np.sin(x) * np.cos(y), np.cos(x) * np.cos(y)
    ux, uy = K * np.cos(x) * np.cos(y), -K * np.sin(x) * np.sin(y)
    vx, vy = -K * np.sin(x) * np.cos(y), -K * np.cos(x) * np.sin(y)
    bulk = ZETA + ETA / 3  # eta laplacian v + (zeta + eta / 3) grad div v
    fx = -2 * K**2 * ETA * u + bulk * K**2 * (-np.sin(x) * np.cos(y) + np.sin(x) * np.sin(y))
    fy = -2 * K**2 * ETA * v + bulk * K**2 * (-np.cos(x) * np.sin(y) - np.cos(x) * np.cos(y))
    divergence = ux + vy
    heating = ETA * (2 * ux**2 + 2 * vy**2 + (uy + vx) ** 2)
    heating += (ZETA - 2 / 3 * ETA) * divergence**2
    exact = np.stack((fx, fy, u * fx + v * fy + heating))
    velocity = torch.as_tensor(np.stack((u, v)))[None]
    sides = ("periodic", "periodic"), (1 / points, 1 / points)
    return np.abs(viscous_rate(velocity, ETA, ZETA, *sides)[0].numpy() - exact).mean((-2, -1))


def test_friction_and_its_heat_converge_at_second_order_in_every_component():
    orders = np.log2(error(32) / error(64))
    assert ((orders > 1.9) & (orders < 2.1)).all(), orders
