"""Embeddings and baseline features of a split, with retrieval and property prediction."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from astroclip.evaluation.probes import (
    Reading,
    common,
    constants,
    is_class,
    known,
    reading,
    readings,
)
from astroclip.inference.embedding_files import Embeddings, joined
from astroclip.metrics import ranks, recalls
from astroclip.nn.aperture_photometry import photometry
from astroclip.survey import PIXELS
from sciformer.evaluation.comparison import MODEL

KS = (1, 5, 10)
WIDTHS = {PIXELS: 20, 2048: 16}  # pixels that a baseline averages: 389 bins of 16 A, or 128
CCA, CHANCE = "cca", "chance"
NONE: Mapping[str, Sequence[str]] = {}
WAYS = ("image_to_spectrum", "spectrum_to_image")

Ranks = Int64[np.ndarray, " galaxies"]


class Galaxies(NamedTuple):
    """Galaxies of a split.

    Args:
        embeddings: Embeddings of the network.
        photometry: Aperture photometry of the images.
        shape: Normalized spectra in bins.
        softened: Spectra in bins, with their brightness.
        batch: Images and spectra, if they are kept.
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
    """Retrieval ranks of each galaxy's partner.

    Args:
        way: One of ``WAYS``.
        method: ``model`` or a baseline.
        ranks: Rank of each galaxy's partner; 0 is the best.
    """

    way: str
    method: str
    ranks: Ranks

    @property
    def recalls(self) -> dict[int, float]:
        """Recall at k: fraction of galaxies whose partner is among the k nearest."""
        return recalls(torch.from_numpy(self.ranks), KS)


def gather(
    encode: Callable[[Batch], dict[str, np.ndarray]],
    batches: Iterable[Batch],
    labels: Sequence[str],
    limit: int,
    keep: bool = False,
    classes: Mapping[str, Sequence[str]] = NONE,
) -> Galaxies:
    """Compute embeddings and baseline features of a split.

    Args:
        encode: Function that embeds a batch.
        batches: Galaxies with images and spectra.
        labels: Names of the columns of their labels.
        limit: Maximum number of galaxies.
        keep: Whether to keep images and spectra.
        classes: Label -> names of the classes that it numbers.

    Returns:
        Embeddings and features.

    Raises:
        ValueError: If there are no images or no spectra.
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
        made = Embeddings(ids, columns, None, vectors, classes)
        parts.append((made, features, seen.flux, seen.softened()))
        kept += [batch] * keep
    embeddings, features, shape, softened = zip(*parts, strict=True)
    arrays = (np.concatenate(each) for each in (features, shape, softened))
    whole = Batch(*map(torch.cat, zip(*kept, strict=True))) if keep else None
    return Galaxies(joined(embeddings), *arrays, whole, cpu_s)  # pyright: ignore[reportCallIssue]


def _first(batches: Iterable[Batch], limit: int) -> Iterator[Batch]:
    """First galaxies, from as few batches as possible."""
    left = limit
    for batch in batches:
        yield Batch(*(None if field is None else field[:left] for field in batch))  # pyright: ignore[reportArgumentType]
        left -= len(batch.number)
        if left <= 0:
            return


def retrieval(bank: Galaxies, test: Galaxies) -> list[Found]:
    """Rank the partner of each test galaxy among all test galaxies.

    Args:
        bank: Galaxies to fit the linear maps to.
        test: Queries and candidates.

    Returns:
        Both directions, by the network and by linear canonical correlation of the photometry with
        20 principal components of the spectra.
    """
    vectors = test.embeddings.vectors
    found = _both_ways(MODEL, vectors["image_z"], vectors["spectrum_z"], ranks)
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
    """Number of vectors of a bank nearer to each query than its partner, in Euclidean distance.

    Args:
        queries: Vectors of any norm.
        bank: Partners of the queries, in the same order.

    Returns:
        The ranks; 0 is the best.
    """
    far = -0.5 * bank.square().sum(1, keepdim=True)  # q b - b^2 / 2 falls with the distance
    return ranks(
        torch.cat([queries, torch.ones_like(queries[:, :1])], 1), torch.cat([bank, far], 1)
    )


def compare(bank: Galaxies, test: Galaxies) -> list[Reading]:
    """Predict every known property, from embeddings and by baselines.

    Args:
        bank: Galaxies to learn from.
        test: Galaxies to predict.

    Returns:
        The predictions.
    """
    found = list(readings(bank.embeddings, test.embeddings))
    return [*found, *baselines(bank, test), *constants(bank.embeddings, test.embeddings)]


def baselines(bank: Galaxies, test: Galaxies) -> Iterator[Reading]:
    """Predict every numeric property without a neural network.

    Args:
        bank: Galaxies to learn from.
        test: Galaxies to predict.

    Yields:
        Predictions of gradient boosting of the aperture photometry, and of the nearest 16 among 20
        principal components of the spectra.
    """
    both = bank.embeddings, test.embeddings
    labels = [each for each in common(*both) if not is_class(bank.embeddings, each)]
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
