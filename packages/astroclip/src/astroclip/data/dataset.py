"""Dataset of galaxies, read from files on demand."""

from collections.abc import Sequence

import torch
from torch.utils.data import Dataset

from astroclip.data.batch import Batch, collate
from astroclip.data.simulated import Grid
from astroclip.data.source import Source
from astroclip.nn.spectrum_encoder import Rebin


class GalaxyDataset(Dataset[Batch]):
    """Selected galaxies of a source, in batches on the training grids.

    Args:
        source: Source of galaxies.
        numbers: Indices of the selected galaxies.
        labels: Names of the columns of ``Batch.labels``.
        size: Side of the central crop of the images in pixels.
        grid: Whether spectra are in 2048 bins or in the survey's pixels.
    """

    def __init__(
        self, source: Source, numbers: Sequence[int], labels: Sequence[str], size: int, grid: Grid
    ) -> None:
        self.source = source
        self.numbers = torch.as_tensor(numbers, dtype=torch.int64)
        self.labels = tuple(labels)
        self.size = size
        self.rebin = Rebin() if grid == "bins" else None

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitems__(self, positions: Sequence[int]) -> Batch:
        numbers = self.numbers[list(positions)].tolist()
        galaxies = [self.source[number] for number in numbers]
        return prepared(collate(galaxies, numbers, self.labels, self.size), self.rebin)


def prepared(batch: Batch, rebin: Rebin | None) -> Batch:
    """Rebin the spectra of a batch.

    Args:
        batch: Batch in the survey's pixels.
        rebin: Rebinning to apply; None keeps the survey's pixels.

    Returns:
        The batch with rebinned spectra.
    """
    if rebin is None or batch.flux is None or batch.ivar is None:
        return batch
    flux, ivar = rebin(batch.flux, batch.ivar)
    return batch._replace(flux=flux, ivar=ivar)
