"""The HLLC flux of the Euler equations (Toro, Spruce and Speares 1994, Shock Waves 4).

Toro 2009, Riemann Solvers and Numerical Methods for Fluid Dynamics, section 10.4, with the wave
speeds of Davis (1988).
"""

import torch
from jaxtyping import Float
from torch import Tensor


def hllc(
    left: Float[Tensor, "trajectory 4 height width"],
    right: Float[Tensor, "trajectory 4 height width"],
    axis: int,
    gamma: float,
) -> Float[Tensor, "trajectory 4 height width"]:
    """HLLC flux of mass, momentum and energy through faces.

    Args:
        left: Density, two velocities and pressure on the lower side of each face.
        right: The same on the upper side.
        axis: Spatial axis that the faces are normal to.
        gamma: Ratio of specific heats.

    Returns:
        Fluxes, in the order of the conserved quantities.
    """
    normal, along = 1 + axis, 2 - axis
    rho_l, u_l, p_l = left[:, 0], left[:, normal], left[:, 3]
    rho_r, u_r, p_r = right[:, 0], right[:, normal], right[:, 3]
    c_l, c_r = (gamma * p_l / rho_l).sqrt_(), (gamma * p_r / rho_r).sqrt_()
    s_l, s_r = torch.minimum(u_l - c_l, u_r - c_r), torch.maximum(u_l + c_l, u_r + c_r)
    m_l, m_r = rho_l * (s_l - u_l), rho_r * (s_r - u_r)  # mass flux relative to each outer wave
    middle = (p_r - p_l + m_l * u_l - m_r * u_r) / (m_l - m_r)  # speed of the contact (10.37)

    from_left = middle > 0  # the face lies in the left (star) region
    rho, u, p = (torch.where(from_left, a, b) for a, b in ((rho_l, rho_r), (u_l, u_r), (p_l, p_r)))
    met = torch.where(from_left, m_l, m_r)
    wave = torch.where(from_left, s_l, s_r)
    reached = torch.where(from_left, s_l.clamp_max(0.0), s_r.clamp_min(0.0))
    v = torch.where(from_left, left[:, along], right[:, along])

    energy = p / (gamma - 1) + 0.5 * rho * (u * u + v * v)
    rho_star = met / (wave - middle)  # (10.39)
    energy_star = rho_star * (energy / rho + (middle - u) * (middle + p / met))
    mass = rho * u + reached * (rho_star - rho)
    out = torch.empty_like(left)
    out[:, 0] = mass
    out[:, normal] = rho * u * u + p + reached * (rho_star * middle - rho * u)
    out[:, along] = mass * v
    out[:, 3] = u * (energy + p) + reached * (energy_star - energy)
    return out
