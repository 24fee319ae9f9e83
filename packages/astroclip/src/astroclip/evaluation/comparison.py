"""Galaxies as a network sees them, and as it is seen without one, for an evaluation."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64

from astroclip.data.batch import Batch
from astroclip.evaluation.baselines import (
    boosted,
    canonical_correlation,
    neighbors,
    principal_components,
    shapes,
)
from astroclip.evaluation.probes import Reading, common, constants, known, reading, readings
from astroclip.inference.embedding_files import Embeddings, joined
from astroclip.metrics import MORPHOLOGY, ranks, recalls
from astroclip.nn.aperture_photometry import photometry
from astroclip.survey import PIXELS

KS = (1, 5, 10)
WIDTHS = {PIXELS: 20, 2048: 16}  # pixels that a baseline averages: 389 bins of 16 A, or 128
CCA, CHANCE = "baseline_cca", "baseline_chance"
WAYS = ("image_to_spectrum", "spectrum_to_image")

Ranks = Int64[np.ndarray, " galaxies"]


class Galaxies(NamedTuple):
    """Galaxies of a split.

    Args:
        embeddings: What the network makes of them.
        photometry: Of the images.
        shape: Of the spectra in bins, less their brightness.
        softened: Of the spectra in bins, with it.
        batch: The galaxies themselves, where they were to be kept.
        cpu_s: CPU time of the network.
    """

    embeddings: Embeddings
    photometry: Float64[np.ndarray, "galaxies features"]
    shape: Float64[np.ndarray, "galaxies bins"]
    softened: Float64[np.ndarray, "galaxies bins"]
    batch: Batch | None
    cpu_s: float

    def __len__(self) -> int:
        return len(self.embeddings.ids)


class Found(NamedTuple):
    """How far down the list of answers the right one is.

    Args:
        way: From which kind to which.
        method: ``model`` or a baseline.
        ranks: Of each galaxy; 0 is the best.
    """

    way: str
    method: str
    ranks: Ranks

    @property
    def recalls(self) -> dict[int, float]:
        """The share of galaxies, by k, whose partner is among the k nearest."""
        return recalls(torch.from_numpy(self.ranks), KS)


def gather(
    encode: Callable[[Batch], dict[str, np.ndarray]],
    batches: Iterable[Batch],
    labels: Sequence[str],
    limit: int,
    keep: bool = False,
) -> Galaxies:
    """Look at galaxies with a network and without one.

    Args:
        encode: What the network makes of a batch.
        batches: Galaxies with images and spectra.
        labels: Names of the columns of their labels.
        limit: How many galaxies count.
        keep: Whether to keep the galaxies themselves.

    Returns:
        The galaxies.

    Raises:
        ValueError: If they have no images or no spectra.
    """
    parts, kept, cpu_s = [], [], 0.0
    for batch in _first(batches, limit):
        if batch.image is None or batch.flux is None or batch.ivar is None:
            raise ValueError("files: an evaluation needs both images and spectra")
        start = time.process_time()
        vectors = encode(batch)
        cpu_s += time.process_time() - start
        columns = dict(zip(labels, batch.labels.numpy().T, strict=True))
        ids = [str(number) for number in batch.number.tolist()]
        flux, ivar = batch.flux.numpy(), batch.ivar.numpy()
        seen = shapes(flux, ivar, WIDTHS[flux.shape[1]])
        features = photometry(batch.image).double().numpy()
        made = Embeddings(ids, columns, None, vectors)
        parts.append((made, features, seen.flux, seen.softened()))
        kept += [batch] * keep
    embeddings, features, shape, softened = zip(*parts, strict=True)
    arrays = (np.concatenate(each) for each in (features, shape, softened))
    whole = Batch(*map(torch.cat, zip(*kept, strict=True))) if keep else None
    return Galaxies(joined(embeddings), *arrays, whole, cpu_s)  # pyright: ignore[reportCallIssue]


def _first(batches: Iterable[Batch], limit: int) -> Iterator[Batch]:
    """The galaxies in front, and no batch more than they need."""
    left = limit
    for batch in batches:
        yield Batch(*(None if field is None else field[:left] for field in batch))  # pyright: ignore[reportArgumentType]
        left -= len(batch.number)
        if left <= 0:
            return


def retrieval(bank: Galaxies, test: Galaxies) -> list[Found]:
    """Seek the partner of each galaxy of the test among all of them.

    Args:
        bank: What a linear map is fitted to.
        test: The galaxies.

    Returns:
        Both ways, by the network and by linear canonical correlation of the photometry with 20
        principal components of the spectra.
    """
    vectors = test.embeddings.vectors
    found = _both_ways("model", vectors["image_z"], vectors["spectrum_z"], ranks)
    if len(bank) <= bank.photometry.shape[1]:
        return found
    spectra = principal_components(bank.softened, test.softened)
    linear = canonical_correlation(bank.photometry, spectra[0])
    sides = linear.embed(0, test.photometry), linear.embed(1, spectra[1])
    return [*found, *_both_ways(CCA, *sides, ranks_by_distance)]


def _both_ways(
    method: str, image: np.ndarray, spectrum: np.ndarray, rank: Callable[..., torch.Tensor]
) -> list[Found]:
    sides = torch.from_numpy(image), torch.from_numpy(spectrum)
    return [
        Found(way, method, rank(*pair).numpy())
        for way, pair in zip(WAYS, (sides, sides[::-1]), strict=True)
    ]


def ranks_by_distance(
    queries: Float[torch.Tensor, "pairs dim"], bank: Float[torch.Tensor, "pairs dim"]
) -> Int64[torch.Tensor, " pairs"]:
    """How many of a bank are nearer to each query than its own partner is, in Euclid's distance.

    Args:
        queries: Of any norm.
        bank: Its partners in the same order.

    Returns:
        The ranks; 0 is the best.
    """
    far = -0.5 * bank.square().sum(1, keepdim=True)  # q b - b^2 / 2 falls with the distance
    return ranks(
        torch.cat([queries, torch.ones_like(queries[:, :1])], 1), torch.cat([bank, far], 1)
    )


def compare(bank: Galaxies, test: Galaxies) -> list[Reading]:
    """Ask for everything that is known of the galaxies, with the network and without it.

    Args:
        bank: Galaxies whose labels answer.
        test: Those that are asked about.

    Returns:
        The answers.
    """
    found = list(readings(bank.embeddings, test.embeddings))
    return [*found, *baselines(bank, test), *constants(bank.embeddings, test.embeddings)]


def baselines(bank: Galaxies, test: Galaxies) -> Iterator[Reading]:
    """Answers without a network to all that is a number.

    Args:
        bank: Galaxies whose labels answer.
        test: Those that are asked about.

    Yields:
        Those of gradient boosting of the aperture photometry, and of the nearest 16 among 20
        principal components of the spectra.
    """
    labels = [each for each in common(bank.embeddings, test.embeddings) if each != MORPHOLOGY]
    components = min(20, len(bank), bank.shape.shape[1])
    if not labels:
        return
    spectra = principal_components(bank.shape, test.shape, components)
    for label in labels:
        rows = known(bank.embeddings, label)
        values = bank.embeddings.labels[label][rows].astype(np.float64)
        answers = boosted(bank.photometry[rows], values, test.photometry)
        yield reading(test.embeddings, label, "baseline_photometry", answers)
        near = min(16, len(values))
        answers = neighbors(spectra[0][rows], values, spectra[1], k=near)
        yield reading(test.embeddings, label, "baseline_pca", answers)
