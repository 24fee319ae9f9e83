"""Small trajectories in which every number says where it is from."""

import numpy as np

from mpp.data.description import Description, by_name

SPACE = (6, 8, 4)


def described(*names, boundary="periodic", axes=2, **changed):
    shape = SPACE[:axes]
    known = Description(
        tuple(by_name(name) for name in names),
        shape,
        (boundary,) * axes,
        (0.5, 0.25, 0.125)[:axes],
        0.1,
    )
    return known._replace(**changed)


def numbered(trajectories, frames, description):
    """Each number is another one, and exact in fp32."""
    shape = (trajectories, frames, len(description.components), *description.shape)
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
