"""Predicted counts of a network on sets of sequences, and their accuracy per region."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

import contextual_counting
from contextual_counting.data.datamodule import Batch, Setting
from contextual_counting.evaluation.given_sequences import Given
from contextual_counting.metrics import TOP, RegionScores, ranking
from contextual_counting.simulate.sequences import NO_REGION
from sciformer.evaluation.comparison import metric_key
from sciformer.evaluation.run import TrainedRun, open_run
from sciformer.progress import track

if TYPE_CHECKING:
    from contextual_counting.data.datamodule import CountingData
    from contextual_counting.module import CountingModule


class Answers(NamedTuple):
    """Predictions on one set.

    Args:
        name: Name of the set.
        setting: Length, regions and density of its sequences.
        outside: Properties of the setting outside the training range.
        counts: True counts.
        ranked: The five most likely counts, most likely first.
    """

    name: str
    setting: Setting
    outside: list[str]
    counts: Int64[np.ndarray, "samples regions"]
    ranked: Int64[np.ndarray, "samples regions five"]


def open_with_data(
    path: str | Path, device: str | None = "cpu"
) -> "tuple[TrainedRun[CountingModule], CountingData]":
    """Open a trained run with its data module, which draws the sets.

    Args:
        path: A checkpoint or a run folder.
        device: Device, see ``sciformer.evaluation.run.open_run``.

    Returns:
        The run, and its data module without the training shards, which may no longer exist.

    Raises:
        ValueError: If the device does not exist, or the checkpoint is not one of counting.
    """
    run = open_run(path, contextual_counting.CountingModule, device)
    own = {name: run.module.hparams[name] for name in ("length", "regions")}  # loaders of one's own
    settings = own | run.settings | {"shards": None}
    return run, run.data(contextual_counting.CountingData, **settings)


@torch.no_grad()
def predict_given(module: "CountingModule", data: "CountingData", given: Given) -> Answers:
    """Predict the counts of sequences of any lengths and numbers of regions.

    Args:
        module: Module in evaluation mode.
        data: Data module of the training.
        given: The sequences.

    Returns:
        The predictions; counts are ``NO_REGION`` where a sequence has fewer regions than another.
    """
    counts = given.counts
    ranked = torch.full((*counts.shape, min(TOP, module.classes)), NO_REGION)
    for rows, batch in zip(given.rows, given.parts, strict=True):
        answers = predict(module, data, "data", given.setting, batch)
        ranked[rows, : batch.counts.shape[1]] = torch.from_numpy(answers.ranked)
    outside = data.outside(given.setting)
    return Answers("data", given.setting, outside, counts.numpy(), ranked.numpy())


@torch.no_grad()
def predict(
    module: "CountingModule", data: "CountingData", name: str, setting: Setting, batch: Batch
) -> Answers:
    """Predict the counts of one set.

    Args:
        module: Module in evaluation mode.
        data: Data module of the training.
        name: Name of the set.
        setting: Setting of its sequences.
        batch: All sequences of the set.

    Returns:
        The predictions.
    """
    parts, regions = batch.tokens.split(data.at_once(setting.length)), batch.counts.shape[1]
    ranked = [
        ranking(module(part.to(module.device), regions)).cpu()
        for part in track(parts, name, len(parts))
    ]
    outside = data.outside(setting)
    return Answers(name, setting, outside, batch.counts.numpy(), torch.cat(ranked).numpy())


def predict_sets(
    module: "CountingModule", data: "CountingData", samples: int, sets: Mapping[str, Setting]
) -> list[Answers]:
    """Predict the counts of all sets that the network can process.

    Args:
        module: Module in evaluation mode.
        data: Data module of the training, which draws the sets.
        samples: Sequences per set.
        sets: Settings by name.

    Returns:
        Predictions, one per set.
    """
    return [
        predict(module, data, name, setting, data.sequences(setting, samples=samples))
        for name, setting in sets.items()
        if module.can_answer(setting.length, setting.regions)
    ]


def scores(answers: Answers) -> dict[str, float]:
    """Top-1 and top-5 accuracy and mean absolute error per region, with a constant baseline.

    The constant is chosen on the test set itself, so it is an upper limit for methods that ignore
    the sequence (most frequent count, five most frequent counts, median count).

    Args:
        answers: Predictions on one set.

    Returns:
        Keys are ``<set>/<metric>/region<r>``; baselines end in ``/baseline_constant``.
    """
    ranked, counts = torch.from_numpy(answers.ranked), torch.from_numpy(answers.counts)
    found, constant = RegionScores(counts.shape[1]), RegionScores(counts.shape[1])
    found.update(ranked, counts)
    constant.update(_constants(answers.counts).expand_as(ranked), counts)
    numbers = {f"{answers.name}/in_range": float(not answers.outside)}
    baselines = constant.compute()
    for part, value in found.compute().items():
        key = f"{answers.name}/{part}"
        numbers |= {key: value.item(), metric_key(key, "constant"): baselines[part].item()}
    for region, whole in enumerate(answers.counts.T):
        column = whole[whole >= 0]
        error = np.abs(column - np.median(column)).mean()
        numbers[metric_key(f"{answers.name}/mae/region{region}", "constant")] = float(error)
    return numbers


def _constants(counts: Int64[np.ndarray, "samples regions"]) -> Int64[Tensor, "regions five"]:
    """The most frequent counts of each region."""
    known = [column[column >= 0] for column in counts.T]  # others are NO_REGION
    ordered = [np.bincount(column, minlength=TOP).argsort()[::-1] for column in known]
    return torch.from_numpy(np.stack([frequent[:TOP] for frequent in ordered]))
