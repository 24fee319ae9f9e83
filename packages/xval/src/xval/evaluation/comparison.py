"""Predictions of a network and of the baselines on one data set, and their errors."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int64

from sciformer.data.loader import SeededLoader
from sciformer.data.npy import read_arrays
from sciformer.evaluation.comparison import MODEL, best_baseline, metric_key
from sciformer.text import reason
from xval.data.dataset import EncodedTexts
from xval.evaluation.baselines import baselines
from xval.metrics import Scores, scores

if TYPE_CHECKING:
    from xval.data.datamodule import TextData
    from xval.module import XValModule

RESULT = "result"  # how a key says what stands behind an equals sign

PLAIN = ("texts", "tokens", "cpu_s")  # numbers of a set

Flat = Float64[np.ndarray, " answers"]


class Comparison(NamedTuple):
    """All predicted numbers of a data set.

    Args:
        name: Name of the set.
        fields: Patterns of the target numbers.
        asked: Index of the pattern of each target number.
        truth: True values.
        answers: Predictions by method, ``model`` and the baselines; NaN where the output is not a
            number.
        texts: Number of texts.
        tokens: Mean number of tokens per text.
        cpu_s: CPU time of the network's predictions.
    """

    name: str
    fields: list[str]
    asked: Int64[np.ndarray, " answers"]
    truth: Flat
    answers: dict[str, Flat]
    texts: int
    tokens: float
    cpu_s: float

    @property
    def found(self) -> list[str]:
        """Fields with at least one target number."""
        return [name for k, name in enumerate(self.fields) if (self.asked == k).any()]

    @property
    def is_series(self) -> bool:
        """Whether the targets are a time series with known earlier values."""
        return "persistence" in self.answers

    def methods(self, field: str) -> list[str]:
        """The model, and the baselines that have a prediction for every number of a field."""
        mine = self.asked == self.fields.index(field)
        whole = [name for name, x in self.answers.items() if not np.isnan(x[mine]).any()]
        return [MODEL, *(name for name in whole if name != MODEL)]

    def of(self, field: str, method: str) -> tuple[Flat, Flat]:
        """True and predicted numbers of a field."""
        mine = self.asked == self.fields.index(field)
        return self.truth[mine], self.answers[method][mine]

    def scores(self, field: str, method: str = MODEL) -> Scores:
        """Metrics of a method on a field."""
        truth, answers = self.of(field, method)
        return scores(torch.from_numpy(answers), torch.from_numpy(truth))

    def best_baseline(self, field: str, metric: str) -> tuple[str, float]:
        """The baseline with the smallest error, and that error."""
        return best_baseline(
            {name: getattr(self.scores(field, name), metric) for name in self.methods(field)}
        )

    def numbers(self) -> dict[str, float]:
        """Numbers for ``metrics.json``: ``<set>/<metric>/<field>[/baseline_<method>]``."""
        found = {
            f"{self.name}/texts": float(self.texts),
            f"{self.name}/tokens_per_text": self.tokens,
            f"{self.name}/answering_cpu_s": self.cpu_s,
        }
        for field in self.found:
            truth, _ = self.of(field, MODEL)
            found[f"{self.name}/answers/{written(field)}"] = float(len(truth))
            for method in self.methods(field):
                for metric, value in self.scores(field, method)._asdict().items():
                    found[metric_key(f"{self.name}/{metric}/{written(field)}", method)] = value
        return found


def compare(
    name: str,
    loader: SeededLoader,
    module: "XValModule",
    data: "TextData",
    training: "TextData | None" = None,
) -> Comparison:
    """Predict all target numbers of a set, by a network and the baselines.

    Args:
        name: Name of the set.
        loader: Loader of its texts.
        module: The network, in evaluation mode.
        data: Data of the loader.
        training: Training data of the network, if different.

    Returns:
        The predictions.

    Raises:
        ValueError: If there are no target numbers.
    """
    dataset = loader.dataset
    assert isinstance(dataset, EncodedTexts)
    texts, truth, asked, found, cpu_s = [], [], [], [], 0.0
    for batch in loader:
        there = batch.asked >= 0
        moved = type(batch)(*(tensor.to(module.device) for tensor in batch))
        start = time.process_time()
        answers = module.answer(moved).cpu()
        cpu_s += time.process_time() - start
        texts.append(dataset.texts[batch.samples.numpy() % len(dataset)])
        for all_of_it, part in ((truth, batch.truth), (asked, batch.asked), (found, answers)):
            all_of_it.append(part[there].numpy())
    if not sum(map(len, asked)):
        raise ValueError(f"{name}: answers: no number of its texts is asked for")
    order = np.concatenate(texts)
    own = {MODEL: np.concatenate(found).astype(np.float64)}
    return Comparison(
        name,
        data.patterns,
        np.concatenate(asked),
        np.concatenate(truth).astype(np.float64),
        own | baselines(data, order, training),
        len(order),
        float(dataset.corpus.lengths[order].mean()),
        cpu_s,
    )


def written(field: str) -> str:
    """Name of a field in a metric's key: ``data.8`` for ``data.8.*``."""
    return RESULT if field == "=" else field.replace(".*", "") or "any"


def label(field: str) -> str:
    """Short readable name of a field."""
    parts = [part for part in written(field).split(".") if not part.isdigit()]
    return parts[-1] if parts else written(field)


def write_answers(path: Path, sets: Sequence[Comparison]) -> None:
    """Write the predictions on several sets to an ``.npz`` file."""
    arrays: dict[str, np.ndarray] = {}
    for number, each in enumerate(sets):
        parts = {"name": each.name, "fields": each.fields, "asked": each.asked, "truth": each.truth}
        parts |= {name: getattr(each, name) for name in PLAIN}
        parts |= {f"answers.{method}": values for method, values in each.answers.items()}
        arrays |= {f"{number}.{name}": np.array(part) for name, part in parts.items()}
    with path.open("wb") as file:  # numpy puts .npz behind the name of a path
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]  # allow_pickle is no array


def read_answers(path: Path) -> list[Comparison]:
    """Read a file of :func:`write_answers`; raises ``ValueError`` if it is damaged."""
    sets: dict[str, dict[str, np.ndarray]] = {}
    for key, array in read_arrays(path).items():
        number, _, name = key.partition(".")
        sets.setdefault(number, {})[name] = array
    try:
        return [_compared(parts) for parts in sets.values()]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: damaged: {reason(error)}") from error


def _compared(parts: dict[str, np.ndarray]) -> Comparison:
    return Comparison(
        str(parts["name"]),
        parts["fields"].tolist(),
        parts["asked"],
        parts["truth"],
        {k.removeprefix("answers."): v for k, v in parts.items() if k.startswith("answers.")},
        *(parts[name].item() for name in PLAIN),
    )
