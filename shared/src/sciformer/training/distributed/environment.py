"""Place of this process among those that torchrun or SLURM started."""

from typing import NamedTuple

from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment


class Place(NamedTuple):
    """Place of a process among all of a run.

    Args:
        rank: Number of the process, from 0.
        world: Number of processes.
        local: Number of the process on its machine.
    """

    rank: int
    world: int
    local: int


ALONE = Place(0, 1, 0)


def place() -> Place:
    """Find the place of this process; ``ALONE`` if neither torchrun nor SLURM started it.

    For work that needs no communication: each process does its share.

    Returns:
        Number of the process, of all, and on its machine.

    Raises:
        ValueError: If SLURM was given ``--ntasks`` without ``--ntasks-per-node``.
    """
    for kind in (TorchElasticEnvironment, SLURMEnvironment):
        if kind.detect():
            try:
                found = kind()
            except RuntimeError as error:
                raise ValueError(f"SLURM: {error}") from error
            return Place(found.global_rank(), found.world_size(), found.local_rank())
    return ALONE
