"""A network and data that train in moments."""

import pytest

from mpp.data.datamodule import PhysicsData
from mpp.module import PhysicsModule
from sciformer.arguments import with_tables

NETWORK = {"size": [16, 1, 2], "patch": [4], "halo": 1, "layer_scale": 1.0, "drop_path": 0.0}
SYSTEMS = [
    {"system": "shallow_water", "count": 30, "frames": 6, "shape": [8, 8]},
    {"system": "diffusion_reaction", "count": 30, "frames": 6, "shape": [8, 8]},
]


def data(**options):
    """Two systems; few trajectories are in validation, which is said in a warning."""
    given = {"simulate": SYSTEMS, "history": 2, "horizon": 1, "test_horizon": 2, "steps": 2}
    return PhysicsData(**{**given, **options})


def module(fields, **options):
    """With rows for some fields."""
    settings = {"fields": list(fields), **NETWORK, "warmup": 1, "steps": 10, **options}
    return PhysicsModule(**with_tables(PhysicsModule, settings))


def batch(data):
    """The first of the training."""
    return next(iter(data.train_dataloader()))


quiet = pytest.mark.filterwarnings("ignore:.*is in (val|test)")
