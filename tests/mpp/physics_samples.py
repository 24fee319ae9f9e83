"""Small trajectories in which every number says where it is from."""

import numpy as np

from mpp.data.description import Description, by_name

SPACE = (6, 8, 4)
CNS = ("velocity_x", "velocity_y", "density", "pressure")
HALVES = {"train": 0.5, "val": 0.25, "test": 0.25}
SMALL = {"history": 2, "test_horizon": 2, "batch_size": 2, "steps": 6, "splits": HALVES}


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
