"""Predictions of a network and of the baselines on one data set, and their errors."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int64

from sciformer.data.npy import read_arrays
from sciformer.evaluation.comparison import MODEL, best_baseline, metric_key
from sciformer.text import reason
from xval.evaluation.coverage import Coverage, coverage
from xval.metrics import Scores, scores
from xval.nn.intervals import Spread

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
        spreads: Distributions by method, calibrated on the validation texts; of the methods that
            have any.
    """

    name: str
    fields: list[str]
    asked: Int64[np.ndarray, " answers"]
    truth: Flat
    answers: dict[str, Flat]
    texts: int
    tokens: float
    cpu_s: float
    spreads: dict[str, Spread]

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

    def coverage(self, field: str, method: str = MODEL) -> Coverage | None:
        """What intervals and quantiles of a method are worth on a field; None if it has none."""
        if method not in self.spreads:
            return None
        mine = self.asked == self.fields.index(field)
        spread = Spread(*(part[mine] for part in self.spreads[method]))
        return coverage(spread, self.truth[mine])

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
                if (held := self.coverage(field, method)) is not None:
                    for metric, value in held._asdict().items():
                        key = metric_key(f"{self.name}/{metric}/{written(field)}", method)
                        found[key] = value
        return found


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
        parts |= {
            f"{part}.{method}": values
            for method, spread in each.spreads.items()
            for part, values in spread._asdict().items()
        }
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
    spread = [_by_method(parts, name) for name in Spread._fields]
    texts, tokens, cpu_s = (parts[name].item() for name in PLAIN)
    return Comparison(
        str(parts["name"]),
        parts["fields"].tolist(),
        parts["asked"],
        parts["truth"],
        _by_method(parts, "answers"),
        texts,
        tokens,
        cpu_s,
        {method: Spread(*(part[method] for part in spread)) for method in spread[0]},
    )


def _by_method(parts: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    start = f"{name}."
    return {key.removeprefix(start): x for key, x in parts.items() if key.startswith(start)}
