"""Head of a probe: MLPs that predict labels from embeddings, with intervals, kept in a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from astroclip.evaluation.intervals import FEWEST, Predicted
from astroclip.evaluation.probe_mlp import HIDDEN, Probe, network
from astroclip.evaluation.probes import MLP, Trained, known
from astroclip.inference.embedding_files import VECTORS, Embeddings
from astroclip.metrics import REDSHIFT
from sciformer.evaluation.conformal import Widths, widths_by
from sciformer.files import write_atomically
from sciformer.training.checkpoints.safetensors import export_safetensors, read_plain

SCALES = ("mean", "spread", "middle", "unit")  # of a ``Probe``
LAYERS = 1 + len(HIDDEN)


class Classified(NamedTuple):
    """Classes of galaxies.

    Args:
        label: Name of the label.
        ids: Ids of the galaxies.
        classes: Names of their most probable classes.
        shares: Probabilities of these.
    """

    label: str
    ids: Sequence[str]
    classes: Sequence[str]
    shares: np.ndarray


class Head(NamedTuple):
    """Probes of several embeddings of one network.

    Args:
        weights: Hash of the network's weights.
        numbers: Names of the numeric labels, in the order of the probes' outputs.
        classes: Names of the class labels -> names of the classes.
        probes: Name of an embedding -> its probe.
        widths: Name of an embedding -> half widths of the intervals of each numeric label, in bins
            of the redshift (of the label itself, if there is no redshift) that the probe predicts.
    """

    weights: str
    numbers: list[str]
    classes: dict[str, list[str]]
    probes: dict[str, Probe]
    widths: dict[str, list[Widths]]

    def best(self, number: int, vectors: Sequence[str]) -> str:
        """Of some embeddings the one whose intervals of a label are the narrowest."""
        mean = {name: np.mean(self.widths[name][number].widths) for name in vectors}
        return min(mean, key=lambda name: (np.isnan(mean[name]), mean[name]))

    def predict(self, galaxies: Embeddings) -> tuple[list[Predicted], list[Classified]]:
        """Predict all labels of galaxies.

        Args:
            galaxies: Galaxies, embedded by the same network.

        Returns:
            Numbers with intervals of 90 %, each by the embedding with the narrowest; and classes.

        Raises:
            ValueError: If they have none of the embeddings, or of another width.
        """
        vectors = [name for name in self.probes if name in galaxies.vectors]
        if not vectors:
            raise ValueError(f"head: reads {', '.join(self.probes)}; there are none of them")
        for name in vectors:
            width, own = galaxies.vectors[name].shape[1], len(self.probes[name].mean)
            if width != own:
                raise ValueError(f"head: {name}: {own} numbers, but the galaxies have {width}")
        found = {name: self.probes[name](galaxies.vectors[name]) for name in vectors}
        unknown = np.full(len(galaxies.ids), np.nan)
        numbers: list[Predicted] = []
        for place, label in enumerate(self.numbers):
            name = self.best(place, vectors)
            said = found[name].numbers
            half = self.widths[name][place].at(said[:, self.binned_by(place)])
            truth = galaxies.labels.get(label, unknown).astype(np.float64)
            way = f"{name}/{MLP}"
            numbers.append(Predicted(label, way, galaxies.ids, said[:, place], half, truth))
        return numbers, self._classified(galaxies, vectors[0])

    def _classified(self, galaxies: Embeddings, vector: str) -> list[Classified]:
        shares = self.probes[vector].shares(galaxies.vectors[vector])
        named = zip(self.classes.items(), shares, strict=True)
        return [
            Classified(label, galaxies.ids, [words[at] for at in each.argmax(1).tolist()],
                       each.max(1))
            for (label, words), each in named
        ]  # fmt: skip

    def binned_by(self, place: int) -> int:
        """Index of the label whose prediction bins the intervals of another."""
        return self.numbers.index(REDSHIFT) if REDSHIFT in self.numbers else place

    def save(self, path: Path) -> None:
        """Write the head as safetensors."""
        tensors: dict[str, torch.Tensor] = {}
        for name, probe in self.probes.items():
            tensors |= {f"{name}.{key}": value for key, value in probe.model.state_dict().items()}
            tensors |= {f"{name}.{key}": _tensor(getattr(probe, key)) for key in SCALES}
            for place, each in enumerate(self.widths[name]):
                tensors[f"{name}.edges.{place}"] = _tensor(each.edges)
                tensors[f"{name}.widths.{place}"] = _tensor(each.widths)
        about = {"weights": self.weights, "numbers": self.numbers, "classes": self.classes}
        export_safetensors(tensors, path, {"head": about})


def learned(
    bank: Embeddings, asked: Embeddings, probes: Mapping[str, Trained], weights: str
) -> Head:
    """Make a head of trained probes; its intervals are learned from the errors on other galaxies.

    Args:
        bank: Galaxies that the probes learned from.
        asked: Galaxies to learn the errors from.
        probes: Name of an embedding -> its probe.
        weights: Hash of the weights of the network that embedded them.

    Returns:
        The head.
    """
    head = Head(weights, [], {}, {}, {})
    for name, (probe, numbers, classes) in probes.items():
        head.numbers[:] = numbers
        for label, count in zip(classes, probe.kinds, strict=True):
            words = list(bank.classes.get(label, ()))
            head.classes[label] = [*words, *map(str, range(len(words), count))][:count]
        head.probes[name] = probe
        said = probe(asked.vectors[name]).numbers
        head.widths[name] = []
        for place, label in enumerate(numbers):
            there = known(asked, label)
            by = said[there, head.binned_by(place)]
            errors = abs(said[there, place] - asked.labels[label][there])
            few = Widths(np.empty(0), np.full(1, np.nan))
            enough = there.sum() >= FEWEST
            head.widths[name].append(widths_by(by, errors) if enough else few)
    return head


def write_classes(path: Path, found: Sequence[Classified]) -> None:
    """Write classes as a parquet file, a row for each galaxy and label.

    Args:
        path: Output file, with columns id, label, class and probability.
        found: Classes of each label.
    """
    parts = [
        pa.table(
            {
                "id": pa.array(each.ids, pa.string()),
                "label": pa.array([each.label] * len(each.ids), pa.string()),
                "class": pa.array(each.classes, pa.string()),
                "probability": pa.array(each.shares, pa.float32()),
            }
        )
        for each in found
    ]
    write_atomically(path, lambda place: pq.write_table(pa.concat_tables(parts), place))


def load(path: Path) -> Head:
    """Read a head.

    Args:
        path: File written by ``Head.save``.

    Returns:
        The head.

    Raises:
        ValueError: If the file is damaged, or not a head.
    """
    if not path.is_file():
        raise ValueError(f"head: {path}: no such file")
    read = read_plain(path)
    try:
        return _loaded(read["head"], read["state_dict"])
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"head: {path}: not a head of astroclip probe: {error!r}") from error


def _loaded(about: Any, tensors: dict[str, torch.Tensor]) -> Head:
    classes = {str(label): [str(w) for w in words] for label, words in about["classes"].items()}
    numbers = [str(label) for label in about["numbers"]]
    head = Head(str(about["weights"]), numbers, classes, {}, {})
    kinds = [len(words) for words in classes.values()]
    for name in (name for name in VECTORS if f"{name}.mean" in tensors):
        scales = [tensors[f"{name}.{key}"].double().numpy() for key in SCALES]
        model = network(len(scales[0]), len(numbers) + sum(kinds))
        state = {key: tensors[f"{name}.{key}"] for key in model.state_dict()}
        model.load_state_dict(state)
        if [len(each) for each in scales] != [len(scales[0])] * 2 + [len(numbers)] * 2:
            raise ValueError(f"{name}: scales of {[len(each) for each in scales]} numbers")
        mean, spread, middle, unit = scales
        head.probes[name] = Probe(model.eval(), mean, spread, middle, unit, kinds)
        parts = ("edges", "widths")
        head.widths[name] = [
            Widths(*(tensors[f"{name}.{part}.{place}"].double().numpy() for part in parts))
            for place in range(len(numbers))
        ]
        if any(len(each.widths) != len(each.edges) + 1 for each in head.widths[name]):
            raise ValueError(f"{name}: bins and widths differ in number")
    return head


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float64))
