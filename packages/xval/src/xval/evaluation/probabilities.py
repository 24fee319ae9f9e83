"""Probabilities of hidden words: how far they can be trusted, before and after calibration."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy

from xval.data.batch import Batch

if TYPE_CHECKING:
    from xval.module import XValModule

BINS = 15  # of the probability (Guo et al. 2017)
MOST = 4000  # words of a set
COLDEST, HOTTEST, HALVINGS = -3.0, 3.0, 40  # log of the temperature, and steps of its search


class Words(NamedTuple):
    """Predictions of hidden words.

    Args:
        logits: Logits over all tokens.
        wanted: The hidden tokens.
    """

    logits: Float[Tensor, "words vocab"]
    wanted: Int64[Tensor, " words"]


class Calibration(NamedTuple):
    """Figures of the probabilities of words.

    Args:
        words: Number of hidden words.
        word_accuracy: Share of them whose most likely token is right.
        word_loss: Mean cross-entropy after calibration, in nats.
        word_error: Expected calibration error, before calibration.
        word_error_calibrated: The same with probabilities at the temperature.
        temperature: Divides the logits; fitted to the validation texts.
    """

    words: float
    word_accuracy: float
    word_loss: float
    word_error: float
    word_error_calibrated: float
    temperature: float


def hidden_words(module: "XValModule", batches: Iterable[Batch]) -> Words | None:
    """Predict hidden words of texts, numbers aside; None if none is hidden.

    Args:
        module: Network in evaluation mode.
        batches: Texts with masks; as many as it takes for 4,000 words.

    Returns:
        The predictions.
    """
    a_number = torch.from_numpy(module.code.number_tokens().any(0))
    found: list[Words] = []
    for batch in batches:
        with torch.no_grad():
            logits, _, wanted, _ = module.outputs(Batch(*(x.to(module.device) for x in batch)))
        word = ~a_number[wanted.cpu()]
        found.append(Words(logits.float().cpu()[word], wanted.cpu()[word]))
        if sum(len(each.wanted) for each in found) >= MOST:
            break
    words = Words(*map(torch.cat, zip(*found, strict=True))) if found else None
    return words if words is not None and len(words.wanted) else None


def temperature(words: Words) -> float:
    """Temperature with the least cross-entropy (Guo et al. 2017, arXiv 1706.04599).

    The cross-entropy is convex in 1 / temperature, so that a search by thirds finds its minimum.

    Args:
        words: Predictions on texts that were set aside.

    Returns:
        The temperature, from 0.05 to 20.
    """

    def loss(log: float) -> float:
        return cross_entropy(words.logits / torch.tensor(log).exp(), words.wanted).item()

    low, high = COLDEST, HOTTEST
    for _ in range(HALVINGS):
        third = (high - low) / 3
        if loss(low + third) < loss(high - third):
            high -= third
        else:
            low += third
    return torch.tensor((low + high) / 2).exp().item()


def calibration_error(words: Words) -> float:
    """Expected calibration error: mean distance of probability and accuracy, in 15 equal bins."""
    probability, chosen = words.logits.softmax(1).max(1)
    right = (chosen == words.wanted).double()
    bins = (probability * BINS).long().clamp(max=BINS - 1)
    gaps = torch.zeros(BINS, dtype=torch.float64).index_add(0, bins, right - probability.double())
    return (gaps.abs().sum() / len(words.wanted)).item()


def calibration(words: Words, at: float) -> Calibration:
    """Figures of predicted words.

    Args:
        words: Predictions.
        at: Temperature, from other texts.

    Returns:
        The figures.
    """
    cooled = words._replace(logits=words.logits / at)
    right = (words.logits.argmax(1) == words.wanted).double().mean().item()
    return Calibration(
        float(len(words.wanted)),
        right,
        cross_entropy(cooled.logits, words.wanted).item(),
        calibration_error(words),
        calibration_error(cooled),
        at,
    )
