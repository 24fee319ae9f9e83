"""A network and data that train in moments."""

import torch
from trainers import silent_trainer

from astroclip.data.datamodule import GalaxyData
from astroclip.module import AstroCLIPModule
from sciformer.arguments import with_tables

NETWORK = {
    "dim": 8, "width": 16, "size": 16, "apertures": 3, "image_depth": 1, "spectrum_depth": 1,
    "tokens_dim": 16, "heads": 2, "patch": 4, "warmup": 1,
}  # fmt: skip
DATA = {"pairs": 24, "size": 16, "batch_size": 8, "val_pairs": 12, "test_pairs": 12}


def data(**options):
    """Few galaxies with small images."""
    return GalaxyData(**{**DATA, **options})


def module(**options):
    """The same weights whatever was drawn before."""
    torch.manual_seed(0)
    return AstroCLIPModule(**with_tables(AstroCLIPModule, {**NETWORK, **options}))


def fit(module, data, **options):
    """Train on one core, silently."""
    trainer = silent_trainer(**{"num_sanity_val_steps": 0, "max_epochs": 1, **options})
    trainer.fit(module, data)
    return trainer
