"""Errors of a model and the baselines on one system, by step and field."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from mpp.data.batch import Batch
from mpp.data.description import Description
from mpp.evaluation.baselines import BASELINES
from mpp.metrics import BANDS, Future, Scores, drift, nrmse, spectral_error, spectrum, vrmse
from sciformer.evaluation.comparison import MODEL, best_baseline, metric_key

ByStep = Float64[np.ndarray, "steps fields"]
TRUTH = "truth"
METHODS = (MODEL, *BASELINES)
Answer = Callable[[Batch], Future]  # predicts the frames after a batch's history
NONE: Mapping[str, Answer] = MappingProxyType({})


class Comparison(NamedTuple):
    """Mean errors over the windows of one system.

    Args:
        name: Name of the system.
        description: Description of its trajectories.
        windows: Number of windows.
        errors: Errors by metric (``nrmse``, ``vrmse``, ``spectral_low``, ..., ``drift``), then by
            method (``model``, the baselines and solvers; for the drift ``model`` and ``truth``).
        spectra: Power spectrum of the last step, for ``truth`` and ``model``.
        cost: CPU-milliseconds of a window and frame, for the model and each solver.
    """

    name: str
    description: Description
    windows: int
    errors: dict[str, dict[str, ByStep]]
    spectra: dict[str, Float64[np.ndarray, "fields shells"]]
    cost: dict[str, float]

    @property
    def steps(self) -> int:
        """Number of predicted frames."""
        return len(self.errors["nrmse"][MODEL])

    @property
    def conserved(self) -> list[int]:
        """Indices of the conserved fields."""
        names = self.description.names
        return [number for number, name in enumerate(names) if name in self.description.conserved]

    def over(self, metric: str, method: str, steps: slice) -> Float64[np.ndarray, " fields"]:
        """Mean error over some steps, for each field."""
        return self.errors[metric][method][steps].mean(0)

    def best_baseline(self, metric: str, steps: slice) -> tuple[str, float]:
        """The best baseline by its mean error over fields, and this error."""
        methods = self.errors[metric]
        return best_baseline({m: float(self.over(metric, m, steps).mean()) for m in methods})

    def beaten(self, steps: slice) -> int:
        """Number of fields on which the model beats every baseline, in both NRMSE and VRMSE."""
        better = np.ones(len(self.description.names), bool)
        for metric in ("nrmse", "vrmse"):
            own = self.over(metric, MODEL, steps)
            for baseline in BASELINES:
                better &= own < self.over(metric, baseline, steps)
        return int(better.sum())

    def numbers(self) -> dict[str, float]:
        """Entries of ``metrics.json``.

        Keys are ``<system>/<metric>/<steps>[/<field>]``, without a field for the mean over fields;
        baselines end in ``/baseline_<method>``. The drift is reported for conserved fields only.
        """
        system = self.name
        found = {f"{system}/windows": float(self.windows)}
        for metric, methods in self.errors.items():
            every = list(range(len(self.description.names)))
            chosen = self.conserved if metric == "drift" else every
            for span, steps in spans(self.steps).items() if chosen else ():
                for method in methods:
                    values, key = self.over(metric, method, steps), f"{system}/{metric}/{span}"
                    found[metric_key(key, method)] = float(values[chosen].mean())
                    for field in chosen:
                        name = self.description.names[field]
                        found[metric_key(f"{key}/{name}", method)] = float(values[field])
        return found


@torch.no_grad()
def compare(
    name: str,
    description: Description,
    batches: Iterable[Batch],
    predict: Answer,
    solvers: Mapping[str, Answer] = NONE,
) -> Comparison:
    """Evaluate a model, the baselines and solvers on all windows of a system.

    Args:
        name: Name of the system.
        description: Description of its trajectories.
        batches: Batches of any size.
        predict: Function that predicts the frames after a batch's history.
        solvers: Name -> another such function, see ``coarse_solvers``.

    Returns:
        Means over windows with equal weights.
    """
    errors: dict[str, dict[str, list[Scores]]] = {}
    spectra: dict[str, list[Tensor]] = {TRUTH: [], MODEL: []}
    cost = dict.fromkeys((MODEL, *solvers), 0.0)
    for batch in batches:
        steps, answers = batch.target.shape[1], {}
        for method, answer in {MODEL: predict, **solvers}.items():
            start = time.process_time()
            answers[method] = answer(batch)
            cost[method] += time.process_time() - start
        answers |= {key: baseline(batch.frames, steps) for key, baseline in BASELINES.items()}
        for method, answer in answers.items():
            for metric, values in _errors(answer, batch).items():
                errors.setdefault(metric, {}).setdefault(method, []).append(values)
        for method, frames in ((MODEL, answers[MODEL]), (TRUTH, batch.target)):
            moved = drift(frames, batch.frames[:, -1], batch.sizes, batch.inside)
            errors.setdefault("drift", {}).setdefault(method, []).append(moved)
            spectra[method].append(spectrum(frames[:, -1:].double())[:, 0])
    windows = sum(len(values) for values in errors["nrmse"][MODEL])
    means = {
        metric: {method: _mean(values) for method, values in methods.items()}
        for metric, methods in errors.items()
    }
    lines = {method: _mean(values) for method, values in spectra.items()}
    frames = windows * len(means["nrmse"][MODEL])
    cost = {method: 1e3 * seconds / frames for method, seconds in cost.items()}
    return Comparison(name, description, windows, means, lines, cost)


def spans(steps: int) -> dict[str, slice]:
    """Reported spans of steps: each step, and the mean over all if there are several.

    Args:
        steps: Number of steps.

    Returns:
        Slices by name: ``step1`` and so on, and ``steps1to5``.
    """
    each = {f"step{step + 1}": slice(step, step + 1) for step in range(steps)}
    return each | ({f"steps1to{steps}": slice(0, steps)} if steps > 1 else {})


def _errors(prediction: Future, batch: Batch) -> dict[str, Scores]:
    given = prediction, batch.target, batch.sizes
    names = [f"spectral_{band}" for band in BANDS]
    spectral = dict(zip(names, spectral_error(*given).unbind(-1), strict=True))
    inside = batch.inside
    return {"nrmse": nrmse(*given, inside), "vrmse": vrmse(*given, inside), **spectral}


def _mean(parts: Sequence[Tensor]) -> np.ndarray:
    return torch.cat(list(parts)).mean(0).numpy()
