"""How far answers are from the truth, in the words of the field."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from sklearn.metrics import r2_score
from torch import Tensor

TOGETHER = 2**25  # cosines in memory at once: 128 MiB

REDSHIFT, MORPHOLOGY = "redshift", "morphology"
OUTLIER = (
    0.15  # of 1 + z: a photometric redshift is called catastrophic beyond (Ilbert et al. 2006)
)
NORMAL = 1.4826  # standard deviations in a median absolute deviation, of a normal distribution
WORDS: Mapping[str, str] = {
    "r2": "R2",
    "sigma_nmad": "sigma NMAD",
    "bias": "bias",
    "outliers": "outliers",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
}

Values = Float[np.ndarray, " galaxies"]


def scores(label: str, truth: Values, answers: Values) -> dict[str, float]:
    """Judge answers.

    Args:
        label: What was asked for; ``morphology`` is a class, everything else a number.
        truth: At least two galaxies.
        answers: As many.

    Returns:
        ``accuracy`` and ``balanced_accuracy`` of a class, ``r2`` of a number, and of a redshift
        what ``redshift_scores`` says as well.
    """
    if label == MORPHOLOGY:
        return class_scores(truth, answers)
    found = {"r2": float(r2_score(truth, answers))}
    return found | redshift_scores(truth, answers) if label == REDSHIFT else found


def redshift_scores(truth: Values, answers: Values) -> dict[str, float]:
    """Judge redshifts as photometric ones are, by d = (answer - z) / (1 + z).

    Args:
        truth: The z.
        answers: As many.

    Returns:
        ``sigma_nmad``, 1.4826 times the median of abs(d - median(d)) (Brammer et al. 2008);
        ``bias``, the median of d; ``outliers``, the share with abs(d) > 0.15 (Ilbert et al. 2006).
    """
    error = (answers.astype(np.float64) - truth) / (1 + truth)
    bias = np.median(error)
    return {
        "sigma_nmad": float(NORMAL * np.median(np.abs(error - bias))),
        "bias": float(bias),
        "outliers": float((np.abs(error) > OUTLIER).mean()),
    }


def class_scores(truth: Values, answers: Values) -> dict[str, float]:
    """Judge classes.

    Args:
        truth: Their numbers.
        answers: As many.

    Returns:
        ``accuracy``, and ``balanced_accuracy``, the mean over the classes of the truth.
    """
    known, said = truth.astype(np.int64), answers.astype(np.int64)
    shares = [(said[known == one] == one).mean() for one in np.unique(known)]
    return {"accuracy": float((said == known).mean()), "balanced_accuracy": float(np.mean(shares))}


def ranks(
    queries: Float[Tensor, "pairs dim"], bank: Float[Tensor, "pairs dim"]
) -> Int64[Tensor, " pairs"]:
    """How many of a bank are nearer to each query than its own partner is; 0 is the best.

    Args:
        queries: Of norm 1.
        bank: Of norm 1, its partners in the same order.

    Returns:
        The ranks; of what is as near as the partner one half counts, rounded up.
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
    """The share of queries whose partner is among the k nearest.

    Args:
        rank: As ``ranks`` gives them.
        ks: Each k.

    Returns:
        k -> share.
    """
    return {k: (rank < k).double().mean().item() for k in ks}
