"""Simulated galaxies on the disk: what the verb ``simulate`` writes and everything reads."""

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

    A run that was interrupted goes on where it stopped. The bytes are the same for any number of
    workers.

    Args:
        out: Folder of the shards.
        shards: Files that the galaxies are spread over; at most ``samples``.
        workers: Processes that write shards; 0 writes in this one.
        samples: Number of galaxies.
        size: Pixels along a side of the images.
        seed: Of the galaxies.
        overwrite: Replace the shards that are there.

    Raises:
        ValueError: For a number that cannot be, or a folder with the shards of another recipe.
    """
    if size < 1:
        raise ValueError(f"size: {size} is less than 1")
    recipe = Recipe(GENERATOR, VERSION, seed, samples, shards, UNITS, {"size": size})
    write(out, partial(make_sample, seed=seed, size=size), recipe, workers, overwrite)


def make_sample(number: int, seed: int, size: int) -> dict[str, Any]:
    """One galaxy: a pure function of its number and the recipe.

    Args:
        number: Of the galaxy.
        seed: Of all of them.
        size: Pixels along a side of the image.

    Returns:
        ``image``, ``flux``, ``ivar`` and ``labels``, as ``LABELS`` names them.
    """
    block, row = divmod(number, BLOCK)
    made = _block(seed, block, size)
    return {name: getattr(made, name)[row] for name in ("image", "flux", "ivar", "labels")}


@lru_cache(1)
def _block(seed: int, block: int, size: int) -> Galaxies:
    return simulate_block(seed, block, size)


class Shards(Source):
    """The galaxies of a folder of shards.

    Args:
        folder: A path, or an address that fsspec knows.

    Raises:
        ValueError: If the folder cannot be read, or holds something else.
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
