"""Simulated galaxies in memory, as a training reads them: bins equal in log wavelength, fp16."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float16, Float32
from torch import Tensor
from torch.utils.data import Dataset

from astroclip.data.batch import Batch
from astroclip.nn.spectrum_encoder import Rebin
from astroclip.simulate.galaxies import BLOCK, Galaxies, simulate
from sciformer.data.workers import spread

Grid = Literal["bins", "survey"]
CACHED = 16  # spectra
LARGEST = 6e4  # of fp16; fluxes beyond it are cosmic rays


class Pool(NamedTuple):
    """Galaxies, the fluxes of which are kept to three digits: their noise is larger.

    Args:
        image: Nanomaggies.
        flux: Spectra, in bins or in the survey's pixels.
        ivar: Inverse variance of ``flux``.
        labels: As ``astroclip.simulate.galaxies.LABELS`` names them.
    """

    image: Float16[Tensor, "galaxies 3 height width"]
    flux: Float16[Tensor, "galaxies bins"]
    ivar: Float16[Tensor, "galaxies bins"]
    labels: Float32[Tensor, "galaxies labels"]

    def first(self, count: int) -> "Pool":
        """Those in front.

        Args:
            count: How many.

        Returns:
            A view of them.
        """
        return Pool(*(x[:count] for x in self))

    def batch(self, numbers: Sequence[int] | slice) -> Batch:
        """Some of them, as a step reads them.

        Args:
            numbers: Which.

        Returns:
            The batch, all in fp32.
        """
        at = torch.arange(len(self.labels))[numbers]
        image, flux, ivar = (x[at].float() for x in (self.image, self.flux, self.ivar))
        return Batch(image, flux, ivar, self.labels[at], at)


class PoolDataset(Dataset[Batch]):
    """A pool whose batches are made at once.

    Args:
        pool: The galaxies.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def __len__(self) -> int:
        return len(self.pool.labels)

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        return self.pool.batch(numbers)


def simulated(
    seed: int,
    blocks: range,
    size: int,
    grid: Grid = "bins",
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Pool:
    """Simulate whole blocks of galaxies.

    Args:
        seed: Of all of them.
        blocks: Which; of ``BLOCK`` galaxies each.
        size: Pixels along a side of the images.
        grid: Whether spectra are in 2048 bins or in the survey's pixels.
        workers: Processes that simulate; 0 does so in this one. The numbers are the same.
        progress: Called with the number of blocks that are done.

    Returns:
        The galaxies, in order.
    """
    parts: dict[int, Pool] = {}
    make = partial(numbered, seed=seed, size=size, grid=grid)
    for number, part in spread(make, blocks, workers):
        parts[number] = Pool(*map(torch.from_numpy, part))
        if progress is not None:
            progress(len(parts))
    return Pool(*map(torch.cat, zip(*(parts[number] for number in blocks), strict=True)))


def numbered(number: int, seed: int, size: int, grid: Grid) -> tuple[int, tuple[np.ndarray, ...]]:
    """One block, and its number; arrays, as they are what a process can send."""
    return number, tuple(x.numpy() for x in one_block(seed, number, size, grid))


def one_block(seed: int, number: int, size: int, grid: Grid) -> Pool:
    """Simulate one block.

    Args:
        seed: Of all of them.
        number: Of the block.
        size: Pixels along a side of the images.
        grid: Whether spectra are in 2048 bins or in the survey's pixels.

    Returns:
        Its galaxies.
    """
    made: Galaxies = simulate(seed, number, size)
    image = torch.from_numpy(made.image)
    flux, ivar = torch.from_numpy(made.flux), torch.from_numpy(made.ivar)
    if grid == "bins":  # some at a time: all of them are more than a processor's cache holds
        rebin = Rebin()
        some = zip(flux.split(CACHED), ivar.split(CACHED), strict=True)
        flux, ivar = map(torch.cat, zip(*(rebin(*each) for each in some), strict=True))
    image, flux, ivar = (x.clamp(-LARGEST, LARGEST).half() for x in (image, flux, ivar))
    return Pool(image, flux, ivar, torch.from_numpy(made.labels))


def fresh(step: int, seed: int, first: int, size: int, grid: Grid, batch_size: int) -> Batch:
    """The galaxies of one step of a training that sees none of them twice.

    Args:
        step: Of the training.
        seed: Of all galaxies.
        first: Block of the first step.
        size: Pixels along a side of the images.
        grid: Whether spectra are in 2048 bins or in the survey's pixels.
        batch_size: A multiple of ``BLOCK``.

    Returns:
        The batch.
    """
    each = batch_size // BLOCK
    blocks = range(first + step * each, first + (step + 1) * each)
    return simulated(seed, blocks, size, grid).batch(slice(None))
