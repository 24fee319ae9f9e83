"""Probes: properties of galaxies predicted from embeddings, by k-NN and by an MLP."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from astroclip.evaluation.probe_mlp import Probe, Targets, learn
from astroclip.inference.embedding_files import VECTORS, Embeddings
from astroclip.inference.nearest import nearest, unit
from astroclip.metrics import MORPHOLOGY, scores

NEIGHBORS = 16
FEWEST = 2  # galaxies that a figure can be of
WAYS: Mapping[str, tuple[str, str]] = {  # name -> vector of the query, vectors of the bank
    "image_h": ("image_h", "image_h"),
    "image_z": ("image_z", "image_z"),
    "spectrum_h": ("spectrum_h", "spectrum_h"),
    "spectrum_z": ("spectrum_z", "spectrum_z"),
    "image_to_spectrum": ("image_z", "spectrum_z"),
    "spectrum_to_image": ("spectrum_z", "image_z"),
}
MLP = "mlp"
BASELINE = "baseline_"

Values = Float[np.ndarray, " galaxies"]


class Reading(NamedTuple):
    """Predictions of one label by one method.

    Args:
        label: Name of the label.
        way: Method: one of ``WAYS``, the same with ``/mlp``, or ``baseline_...``.
        truth: True values, of the galaxies where they are known.
        answers: Predictions for these galaxies.
        is_class: Whether the values are numbers of classes.
    """

    label: str
    way: str
    truth: Values
    answers: Values
    is_class: bool = False

    @property
    def scores(self) -> dict[str, float]:
        """Metrics by name."""
        return scores(self.label, self.truth, self.answers, self.is_class)

    def numbers(self) -> dict[str, float]:
        """Numbers for ``metrics.json``: ``<label>/<metric>/<way>``."""
        return {f"{self.label}/{name}/{self.way}": value for name, value in self.scores.items()}


class Trained(NamedTuple):
    """A trained MLP.

    Args:
        model: The MLP.
        numbers: Names of its numeric labels.
        classes: Names of its class labels.
    """

    model: Probe
    numbers: Sequence[str]
    classes: Sequence[str]


class Answers(NamedTuple):
    """Predictions of one label by one method, for every galaxy that was asked for.

    Args:
        label: Name of the label.
        way: One of ``WAYS``, or the same with ``/mlp``.
        values: Predictions.
    """

    label: str
    way: str
    values: Values


def readings(bank: Embeddings, test: Embeddings) -> Iterator[Reading]:
    """Predict every label that bank and test share, from all embeddings.

    Args:
        bank: Training galaxies.
        test: Test galaxies.

    Yields:
        Predictions by k-NN (k = 16) and by MLPs, where the label is known.

    Raises:
        ValueError: If a morphology is not a known class.
    """
    for label, way, values in predictions(bank, test, common(bank, test)):
        yield reading(test, label, way, values)


def train_all(bank: Embeddings, test: Embeddings, labels: Sequence[str]) -> dict[str, Trained]:
    """Train an MLP on each embedding that both have; name of an embedding -> its MLP."""
    names = [name for name in VECTORS if name in bank.vectors and name in test.vectors]
    return {name: trained(bank, labels, name) for name in names if labels}


def predictions(
    bank: Embeddings,
    test: Embeddings,
    labels: Sequence[str],
    probes: Mapping[str, Trained] | None = None,
) -> Iterator[Answers]:
    """Predict labels of all test galaxies from all embeddings.

    Args:
        bank: Training galaxies.
        test: Test galaxies.
        labels: Names of the labels.
        probes: MLPs by the names of the embeddings, of ``train_all``; None trains them.

    Yields:
        Predictions by k-NN (k = 16), then those by the MLPs.
    """
    ways = {
        way: pair
        for way, pair in WAYS.items()
        if pair[0] in test.vectors and pair[1] in bank.vectors
    }
    for way, pair in ways.items():
        for label, answers in by_neighbors(bank, test, labels, pair).items():
            yield Answers(label, way, answers)
    for name, probe in (train_all(bank, test, labels) if probes is None else probes).items():
        for label, answers in by_mlp(probe, test.vectors[name]).items():
            yield Answers(label, f"{name}/{MLP}", answers)


def constants(bank: Embeddings, test: Embeddings) -> Iterator[Reading]:
    """Predict the mean of the bank, or its most frequent class, for all galaxies."""
    for label in common(bank, test):
        values = bank.labels[label][known(bank, label)][None]
        classed = is_class(bank, label)
        answer = majority(values) if classed else values.mean(1)
        way = BASELINE + ("majority" if classed else "mean")
        yield reading(test, label, way, np.repeat(answer, len(test.ids)))


def reading(test: Embeddings, label: str, way: str, answers: Values) -> Reading:
    """Restrict predictions of all galaxies to those whose label is known."""
    there = known(test, label)
    truth = test.labels[label][there].astype(np.float64)
    return Reading(label, way, truth, answers[there], is_class(test, label))


def is_class(embeddings: Embeddings, label: str) -> bool:
    """Whether a label numbers classes: the simulator's morphology, or text of a catalog."""
    return label == MORPHOLOGY or label in embeddings.classes


def common(bank: Embeddings, test: Embeddings) -> list[str]:
    """Labels that are known for some galaxies of both bank and test.

    Args:
        bank: Training galaxies.
        test: Test galaxies.

    Returns:
        Names of the labels.

    Raises:
        ValueError: If a morphology is not a known class.
    """
    found = [label for label in bank.labels if label in test.labels]
    found = [label for label in found if min(known(e, label).sum() for e in (bank, test)) >= FEWEST]
    for each in (bank, test) if MORPHOLOGY in found else ():
        values = each.labels[MORPHOLOGY][known(each, MORPHOLOGY)]
        if (odd := values[(values < 0) | (values % 1 != 0)]).size:
            raise ValueError(f"{MORPHOLOGY}: {odd[0]:g} is not the number of a class")
    return found


def known(embeddings: Embeddings, label: str) -> Bool[np.ndarray, " galaxies"]:
    """Mask of galaxies with a known label."""
    return np.isfinite(embeddings.labels[label])


def by_neighbors(
    bank: Embeddings, test: Embeddings, labels: Sequence[str], way: tuple[str, str]
) -> dict[str, Values]:
    """k-NN prediction from the 16 nearest labelled galaxies, by cosine similarity.

    Args:
        bank: Training galaxies.
        test: Test galaxies.
        labels: Names of the labels.
        way: Embedding of the query, and of the bank.

    Returns:
        By label: the mean over the neighbors, or their most frequent class.
    """
    queries, pool = unit(test.vectors[way[0]]), unit(bank.vectors[way[1]])
    alike: dict[bytes, list[str]] = {}  # labels that the same galaxies have
    for label in labels:
        alike.setdefault(known(bank, label).tobytes(), []).append(label)
    found: dict[str, Values] = {}
    for some in alike.values():
        rows = np.flatnonzero(known(bank, some[0]))
        near = nearest(queries, pool[rows], min(NEIGHBORS, len(rows))).number.numpy()
        for label in some:
            values = bank.labels[label][rows][near]
            found[label] = majority(values) if is_class(bank, label) else values.mean(1)
    return {label: found[label].astype(np.float64) for label in labels}


def by_mlp(probe: Trained, features: Float[np.ndarray, "galaxies dim"]) -> dict[str, Values]:
    """Predict every label by an MLP."""
    found = probe.model(features)
    answers = np.concatenate([found.numbers, found.classes], 1).T
    return dict(zip([*probe.numbers, *probe.classes], answers, strict=True))


def trained(bank: Embeddings, labels: Sequence[str], vector: str) -> Trained:
    """Train an MLP on labels of a bank.

    Args:
        bank: Training galaxies.
        labels: Names of the labels.
        vector: Name of the embedding to use as input.

    Returns:
        The MLP.
    """
    classes = [label for label in labels if is_class(bank, label)]
    numbers = [label for label in labels if label not in classes]
    targets = Targets(_columns(bank, numbers), _columns(bank, classes))
    return Trained(learn(bank.vectors[vector], targets), numbers, classes)


def _columns(embeddings: Embeddings, labels: Sequence[str]) -> Float[np.ndarray, "galaxies labels"]:
    columns = [embeddings.labels[label].astype(np.float64) for label in labels]
    return np.stack(columns, 1) if columns else np.empty((len(embeddings.ids), 0))


def majority(values: Float[np.ndarray, "galaxies k"]) -> Values:
    """Most frequent class of each row; the smallest one in a tie."""
    kinds = np.unique(values)
    counts = np.stack([(values == kind).sum(1) for kind in kinds], 1)
    return kinds[counts.argmax(1)]
