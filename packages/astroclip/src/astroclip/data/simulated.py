"""Simulated galaxies in memory, in fp16, with spectra in bins equal in log wavelength."""

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
    """Simulated galaxies; fp16 keeps three digits of flux, more than the noise requires.

    Args:
        image: Nanomaggies.
        flux: Spectra, in bins or in the survey's pixels.
        ivar: Inverse variance of ``flux``.
        labels: Labels, in the order of ``astroclip.simulate.galaxies.LABELS``.
    """

    image: Float16[Tensor, "galaxies 3 height width"]
    flux: Float16[Tensor, "galaxies bins"]
    ivar: Float16[Tensor, "galaxies bins"]
    labels: Float32[Tensor, "galaxies labels"]

    def first(self, count: int) -> "Pool":
        """The first galaxies.

        Args:
            count: Number of galaxies.

        Returns:
            A view of them.
        """
        return Pool(*(x[:count] for x in self))

    def batch(self, numbers: Sequence[int] | slice) -> Batch:
        """Make a batch from selected galaxies.

        Args:
            numbers: Indices of the galaxies.

        Returns:
            The batch, in fp32.
        """
        at = torch.arange(len(self.labels))[numbers]
        image, flux, ivar = (x[at].float() for x in (self.image, self.flux, self.ivar))
        return Batch(image, flux, ivar, self.labels[at], at)


class PoolDataset(Dataset[Batch]):
    """Dataset of simulated galaxies that makes whole batches.

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
    """Simulate blocks of galaxies.

    Args:
        seed: Seed of the data set.
        blocks: Indices of the blocks; each has ``BLOCK`` galaxies.
        size: Pixels along a side of the images.
        grid: Whether spectra are in 2048 bins or in the survey's pixels.
        workers: Number of processes; 0 uses the main process. The result does not depend on it.
        progress: Called with the number of blocks done so far.

    Returns:
        The galaxies, in order.
    """
    pool: Pool | None = None
    make = partial(numbered, seed=seed, size=size, grid=grid)
    for done, (number, arrays) in enumerate(spread(make, blocks, workers), start=1):
        part = Pool(*map(torch.from_numpy, arrays))
        if pool is None:  # filled block by block: joining them at the end needs twice the memory
            pool = Pool(*(x.new_empty(len(blocks) * BLOCK, *x.shape[1:]) for x in part))
        at = (number - blocks.start) * BLOCK
        for whole, block in zip(pool, part, strict=True):
            whole[at : at + BLOCK] = block
        if progress is not None:
            progress(done)
    assert pool is not None
    return pool


def numbered(number: int, seed: int, size: int, grid: Grid) -> tuple[int, tuple[np.ndarray, ...]]:
    """Simulate one block; returns its index and arrays, which can be sent between processes."""
    return number, tuple(x.numpy() for x in one_block(seed, number, size, grid))


def one_block(seed: int, number: int, size: int, grid: Grid) -> Pool:
    """Simulate one block.

    Args:
        seed: Seed of the data set.
        number: Index of the block.
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
    """Simulate the galaxies of one training step, each used only once.

    Args:
        step: Index of the training step.
        seed: Seed of the data set.
        first: Index of the first step's block.
        size: Pixels along a side of the images.
        grid: Whether spectra are in 2048 bins or in the survey's pixels.
        batch_size: Galaxies per step; a multiple of ``BLOCK``.

    Returns:
        The batch.
    """
    each = batch_size // BLOCK
    blocks = range(first + step * each, first + (step + 1) * each)
    return simulated(seed, blocks, size, grid).batch(slice(None))
