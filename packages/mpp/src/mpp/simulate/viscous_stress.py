r"""Viscous stress tensor by central differences: second order, conservative.

$$\sigma_{ij} = \eta (\partial_i v_j + \partial_j v_i)
  + (\zeta - \tfrac23 \eta) \delta_{ij} \nabla\cdot v$$
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mpp.simulate.boundary import Boundary
from mpp.simulate.finite_volume import padded


def viscous_rate(
    velocity: Float[Tensor, "trajectory 2 height width"],
    eta: float,
    zeta: float,
    boundaries: tuple[Boundary, Boundary],
    spacing: tuple[float, float],
) -> Float[Tensor, "trajectory 3 height width"]:
    """Rate of change of momentum and energy due to viscosity.

    Args:
        velocity: Velocity along x and along y.
        eta: Shear viscosity.
        zeta: Bulk viscosity.
        boundaries: Boundary along x and along y.
        spacing: Cell width along x and along y.

    Returns:
        Divergence of the stress, and of the stress times velocity.
    """
    rate = velocity.new_zeros((velocity.shape[0], 3, *velocity.shape[2:]))
    for axis in (0, 1):
        dim, other = axis - 2, -1 - axis
        cells = padded(velocity, dim, boundaries[axis], 1)
        count = cells.shape[dim] - 1
        low, high = cells.narrow(dim, 0, count), cells.narrow(dim, 1, count)
        across = (high - low) / spacing[axis]  # derivative along the normal, at faces
        at_face = 0.5 * (low + high)
        wide = padded(at_face, other, boundaries[1 - axis], 1)
        inner = wide.shape[other] - 2
        along = (wide.narrow(other, 2, inner) - wide.narrow(other, 0, inner)) / (
            2 * spacing[1 - axis]
        )
        n, t = axis, 1 - axis
        divergence = across[:, n] + along[:, t]
        normal = 2 * eta * across[:, n] + (zeta - 2 / 3 * eta) * divergence
        shear = eta * (across[:, t] + along[:, n])
        stress = (normal, shear) if axis == 0 else (shear, normal)
        work = at_face[:, n] * normal + at_face[:, t] * shear
        through = torch.stack((*stress, work), 1)
        rate += (through.narrow(dim, 1, count - 1) - through.narrow(dim, 0, count - 1)) / spacing[
            axis
        ]
    return rate
