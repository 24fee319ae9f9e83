"""``astroclip simulate``: write simulated galaxies as shards, and read them."""

from functools import lru_cache, partial
from typing import Any

import numpy as np

from astroclip.data.batch import Galaxy
from astroclip.data.source import Source
from astroclip.simulate.galaxies import BLOCK, LABELS, VERSION, Galaxies
from astroclip.simulate.galaxies import simulate as simulate_block
from sciformer.data.shards.command import simulate as write
from sciformer.data.shards.dataset import ShardedDataset
from sciformer.data.shards.index import Recipe

GENERATOR = "astroclip.data.shards:make_sample"
UNITS = {"image": "nanomaggy", "flux": "1e-17 erg s-1 cm-2 A-1", "ivar": "flux ** -2"}


def simulate(
    out: str = "data/astroclip",
    shards: int = 8,
    workers: int = 0,
    samples: int = 10_000,
    size: int = 48,
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Write simulated galaxies, images and spectra, as shards; ``--data.shards`` reads them.

    An interrupted run resumes where it stopped. The bytes are the same for any number of workers.

    Args:
        out: Output folder.
        shards: Number of shard files; at most ``samples``.
        workers: Number of processes that write shards; 0 writes in the main process.
        samples: Number of galaxies.
        size: Pixels along a side of the images.
        seed: Seed of the galaxies.
        overwrite: Replace existing shards.

    Raises:
        ValueError: For a number out of range, or a folder with shards of another recipe.
    """
    if size < 1:
        raise ValueError(f"size: {size} is less than 1")
    recipe = Recipe(GENERATOR, VERSION, seed, samples, shards, UNITS, {"size": size})
    write(out, partial(make_sample, seed=seed, size=size), recipe, workers, overwrite)


def make_sample(number: int, seed: int, size: int) -> dict[str, Any]:
    """Simulate one galaxy, a pure function of the arguments.

    Args:
        number: Index of the galaxy.
        seed: Seed of the data set.
        size: Pixels along a side of the image.

    Returns:
        ``image``, ``flux``, ``ivar`` and ``labels``; the labels are in the order of ``LABELS``.
    """
    block, row = divmod(number, BLOCK)
    made = _block(seed, block, size)
    return {name: getattr(made, name)[row] for name in ("image", "flux", "ivar", "labels")}


@lru_cache(1)
def _block(seed: int, block: int, size: int) -> Galaxies:
    return simulate_block(seed, block, size)


class Shards(Source):
    """Galaxies of a folder of shards.

    Args:
        folder: Path, or address that fsspec supports.

    Raises:
        ValueError: If the folder cannot be read, holds other data, or was written by another
            version of the simulator.
    """

    def __init__(self, folder: str) -> None:
        self.data = ShardedDataset(folder)
        self.seed = self.data.folder.made_by(GENERATOR, VERSION).seed
        super().__init__(self.data.folder.address, images=True, spectra=True, labels=LABELS)

    def __len__(self) -> int:
        return len(self.data)

    def id(self, number: int) -> str:
        return f"simulated-{self.seed}-{number}"

    def read(self, number: int) -> Galaxy:
        sample = self.data[number]
        values = np.asarray(sample["labels"]).tolist()
        labels = {str(name): value for name, value in zip(LABELS, values, strict=True)}
        return Galaxy(self.id(number), sample["image"], sample["flux"], sample["ivar"], labels)
