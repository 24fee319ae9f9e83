"""Metrics of predicted galaxy properties and of retrieval: R2, photo-z scores, accuracy, recall."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from sklearn.metrics import r2_score
from torch import Tensor

TOGETHER = 2**25  # cosines in memory at once: 128 MiB

REDSHIFT, MORPHOLOGY = "redshift", "morphology"
OUTLIER = 0.15  # |dz| / (1 + z) of a catastrophic outlier (Ilbert et al. 2006)
NORMAL = 1.4826  # standard deviation over median absolute deviation, of a normal distribution
WORDS: Mapping[str, str] = {
    "r2": "R2",
    "sigma_nmad": "sigma NMAD",
    "bias": "bias",
    "outliers": "outliers",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
}

Values = Float[np.ndarray, " galaxies"]


def scores(label: str, truth: Values, answers: Values, is_class: bool = False) -> dict[str, float]:
    """Metrics of one predicted property.

    Args:
        label: Name of the property; ``morphology`` is a class.
        truth: True values of at least two galaxies.
        answers: Predicted values.
        is_class: Whether another property is a class, and not a number.

    Returns:
        ``accuracy`` and ``balanced_accuracy`` of a class, ``r2`` of a number; for a redshift also
        ``redshift_scores``.
    """
    if is_class or label == MORPHOLOGY:
        return class_scores(truth, answers)
    found = {"r2": float(r2_score(truth, answers))}
    return found | redshift_scores(truth, answers) if label == REDSHIFT else found


def redshift_scores(truth: Values, answers: Values) -> dict[str, float]:
    """Photometric-redshift metrics of d = (answer - z) / (1 + z).

    Args:
        truth: True redshifts.
        answers: Predicted redshifts.

    Returns:
        ``sigma_nmad``, 1.4826 times the median of abs(d - median(d)) (Brammer et al. 2008);
        ``bias``, the median of d; ``outliers``, the fraction with abs(d) > 0.15 (Ilbert et al.
            2006).
    """
    error = (answers.astype(np.float64) - truth) / (1 + truth)
    bias = np.median(error)
    return {
        "sigma_nmad": float(NORMAL * np.median(np.abs(error - bias))),
        "bias": float(bias),
        "outliers": float((np.abs(error) > OUTLIER).mean()),
    }


def class_scores(truth: Values, answers: Values) -> dict[str, float]:
    """Classification accuracy.

    Args:
        truth: True class numbers.
        answers: Predicted class numbers.

    Returns:
        ``accuracy``, and ``balanced_accuracy``, the mean over the true classes.
    """
    known, said = truth.astype(np.int64), answers.astype(np.int64)
    shares = [(said[known == one] == one).mean() for one in np.unique(known)]
    return {"accuracy": float((said == known).mean()), "balanced_accuracy": float(np.mean(shares))}


def ranks(
    queries: Float[Tensor, "pairs dim"], bank: Float[Tensor, "pairs dim"]
) -> Int64[Tensor, " pairs"]:
    """Retrieval rank of each query's partner in a bank; 0 is the best.

    Args:
        queries: Unit vectors.
        bank: Unit vectors; row i is the partner of query i.

    Returns:
        Number of bank vectors nearer than the partner; ties count one half, rounded up.
    """
    step = max(1, TOGETHER // len(bank))
    found = []
    for first in range(0, len(queries), step):
        cosines = queries[first : first + step] @ bank.mT
        own = cosines.diagonal(first)[:, None]
        above, level = (cosines > own).sum(1), (cosines == own).sum(1) - 1
        found.append(above + (level + 1) // 2)
    return torch.cat(found)


def recalls(rank: Int64[Tensor, " pairs"], ks: Sequence[int] = (1, 5, 10)) -> dict[int, float]:
    """Recall at k: the fraction of queries whose partner is among the k nearest.

    Args:
        rank: Ranks as ``ranks`` returns them.
        ks: Values of k.

    Returns:
        k -> recall.
    """
    return {k: (rank < k).double().mean().item() for k in ks}
