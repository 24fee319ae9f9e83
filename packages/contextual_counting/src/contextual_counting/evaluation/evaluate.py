"""Accuracy of a checkpoint per region on sets of sequences, as numbers and pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from rich.progress import Progress
from torch import Tensor

import contextual_counting
from contextual_counting.data.curriculum import check_room
from contextual_counting.metrics import TOP, RegionScores, ranking
from sciformer.arguments import check_least
from sciformer.report.html import Cell, percent
from sciformer.report.report import Report, report_folder
from sciformer.training.checkpoints import checkpoint

if TYPE_CHECKING:
    from contextual_counting.data.datamodule import CountingData, Setting
    from contextual_counting.module import CountingModule

TITLES = {
    "top1": "Exact count (top-1), share of sequences",
    "top5": "Among the five most likely (top-5), share of sequences",
    "mae": "Mean absolute error, in 1s",
}
BEST = "Best constant: the one answer that fits its easiest region best, chosen in hindsight."


class Answers(NamedTuple):
    """What a network answers on one set of the evaluation."""

    name: str
    setting: "Setting"
    outside: list[str]
    counts: Int64[np.ndarray, "samples regions"]
    ranked: Int64[np.ndarray, "samples regions five"]


def evaluate(
    path: str,
    out: str | None = None,
    samples: int = 4000,
    threads: int = 1,
    sets: list[str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write accuracy per region on sets of sequences, with pictures.

    The sets: the run's own length, regions and density (``id``), and one thing changed at a time:
    length 300, 3 regions, length 1024, density 0.3. Where they are asked for, 12 regions and length
    2048, too.

    Args:
        path: A checkpoint, or a run's folder.
        out: Folder of ``metrics.json`` and ``index.html``; ``report`` beside the checkpoint
            where none is given.
        samples: Sequences per set.
        threads: CPU threads; more than one helps little on batches that fit into a cache.
        sets: Of ``t300``, ``r3``, ``t1024``, ``density0.3``, ``r12`` and ``t2048``, beside ``id``;
            the first four, where the network has an answer, if none are given.
        overwrite: Replace a report that is there.

    Raises:
        ValueError: If there is no such checkpoint, it is not one of counting, or there is no such
            set, or no answer to it.
    """
    check_least(samples=(samples, 1), threads=(threads, 1))
    torch.set_num_threads(threads)
    found = checkpoint.find(path)
    module, data, record = open_run(found)
    asked = None if sets is None else _named(sets, module, data)
    folder = report_folder(out or found.parent / "report", overwrite)
    report = Report("Contextual counting", record, _summary(data, samples))
    answered = answer_all(module, data, samples, asked)
    figures = {key: value for answers in answered for key, value in scores(answers).items()}
    report.add_metrics(figures)
    _add_results(report, answered[0], figures)
    _add_tables(report, answered, figures)
    figures.add_accuracy(report, answered, figures)
    figures.add_scatter(report, answered)
    figures.add_attention(report, module, data)
    page = report.write(folder)
    report.print()
    print(page)  # noqa: T201  # what the verb answers


class Opened(NamedTuple):
    """A run.

    Args:
        module: In evaluation mode.
        data: Of its training, which draws the sets.
        record: What made it.
    """

    module: "CountingModule"
    data: "CountingData"
    record: dict[str, Any]


def open_run(path: Path) -> Opened:
    """Open a checkpoint, and the data of its training, whose shards may be elsewhere by now.

    Args:
        path: Of the checkpoint.

    Returns:
        Both.

    Raises:
        ValueError: If it is not one of counting.
    """
    module = checkpoint.load(path, contextual_counting.CountingModule)
    saved = checkpoint.read(path)
    own = {name: module.hparams[name] for name in ("length", "regions")}  # loaders of one's own
    settings = {**own, **(saved.get("datamodule_hyper_parameters") or {}), "shards": None}
    data = checkpoint.build(path, contextual_counting.CountingData, settings)
    return Opened(module, data, checkpoint.run_record(saved))


def _named(
    names: list[str], module: "CountingModule", data: "CountingData"
) -> "dict[str, Setting]":
    """The run's own set and others, to all of which the network has an answer."""
    known = data.settings | data.further
    for name in names:
        if name not in known:
            raise ValueError(f"sets: {name!r} is none of {', '.join(known)}")
        length, regions, _ = known[name]
        check_room(f"{name}.length", length, regions)
        if not module.can_answer(length, regions):
            few = f"{module.prompts} prompts"
            short = f"positions for {module.model.encoder.longest} tokens"
            raise ValueError(
                f"sets: {name!r}: the network has {few if regions > module.prompts else short}"
            )
    return {name: known[name] for name in dict.fromkeys(["id", *names])}


@torch.no_grad()
def answer_all(
    module: "CountingModule",
    data: "CountingData",
    samples: int,
    settings: "dict[str, Setting] | None" = None,
) -> list[Answers]:
    """Ask the network about every set that it can answer.

    Args:
        module: In evaluation mode.
        data: Of the run: it draws the sets.
        samples: Sequences per set.
        settings: The sets by name; ``None`` takes the five of every evaluation.

    Returns:
        The answers, set by set.
    """
    sets = []
    with Progress(transient=True) as progress:
        for name, setting in (data.settings if settings is None else settings).items():
            if not module.can_answer(setting.length, setting.regions):
                continue
            tokens, counts = data.sequences(setting, samples=samples)
            chunks = tokens.split(data.at_once(setting.length))
            parts = progress.track(chunks, description=name)
            ranked = torch.cat([ranking(module(part, setting.regions)) for part in parts])
            place = data.outside(setting)
            sets.append(Answers(name, setting, place, counts.numpy(), ranked.numpy()))
    return sets


def scores(answers: Answers) -> dict[str, float]:
    """Top-1, top-5 and mean absolute error per region, each beside the best constant answer's.

    The constant is chosen in hindsight on the set itself: nothing that ignores the sequence beats
    it (most frequent count, five most frequent counts, median count).

    Args:
        answers: On one set.

    Returns:
        Numbers by ``<set>/<metric>/region<r>``, and with ``/baseline_constant`` behind it.
    """
    ranked, counts = torch.from_numpy(answers.ranked), torch.from_numpy(answers.counts)
    found, constant = RegionScores(counts.shape[1]), RegionScores(counts.shape[1])
    found.update(ranked, counts)
    constant.update(_constants(answers.counts).expand_as(ranked), counts)
    figures = {f"{answers.name}/in_range": float(not answers.outside)}
    baselines = constant.compute()
    for part, value in found.compute().items():
        figures[f"{answers.name}/{part}"] = value.item()
        figures[f"{answers.name}/{part}/baseline_constant"] = baselines[part].item()
    for region, column in enumerate(answers.counts.T):
        error = np.abs(column - np.median(column)).mean()
        figures[f"{answers.name}/mae/region{region}/baseline_constant"] = float(error)
    return figures


def _constants(counts: Int64[np.ndarray, "samples regions"]) -> Int64[Tensor, "regions five"]:
    """The most frequent counts of each region."""
    ordered = [np.bincount(column, minlength=TOP).argsort()[::-1] for column in counts.T]
    return torch.from_numpy(np.stack([frequent[:TOP] for frequent in ordered]))


def _summary(data: "CountingData", samples: int) -> str:
    length, regions, density = data.own
    return (
        f"Trained for sequences of {length} tokens with {regions} delimited regions and a 1 with "
        f"probability {density}; asked how many 1s each region holds, on {samples} new sequences "
        f"per set. Regions are never averaged: a mean would hide that one of them fails."
    )


def _add_results(report: Report, own: Answers, figures: dict[str, float]) -> None:
    """What the run is judged by: each region of its own distribution."""
    for region in range(own.setting.regions):
        key = f"id/top1/region{region}"
        report.add_result(
            f"exact count, region {region + 1}",
            percent(figures[key]),
            f"{percent(figures[f'{key}/baseline_constant'])} (best constant)",
        )


def _add_tables(report: Report, sets: list[Answers], figures: dict[str, float]) -> None:
    report.add_table(
        "Sets of sequences",
        ["Set", "tokens", "regions", "density of 1s", "training range"],
        [
            [a.name, *a.setting, "outside: " + ", ".join(a.outside) if a.outside else "inside"]
            for a in sets
        ],
        "Inside: every number lies between the least and the most that this run was trained on.",
    )
    for metric, title in TITLES.items():
        report.add_table(title, *_table(metric, sets, figures), BEST)


def _table(
    metric: str, sets: list[Answers], figures: dict[str, float]
) -> tuple[list[str], list[list[Cell]]]:
    """Columns and rows: one metric of every set, by region."""
    most = max(answers.setting.regions for answers in sets)
    rows: list[list[Cell]] = []
    for answers in sets:
        keys = [f"{answers.name}/{metric}/region{r}" for r in range(answers.setting.regions)]
        values = [figures[key] for key in keys]
        constant = [figures[f"{key}/baseline_constant"] for key in keys]
        missing = [None] * (most - len(keys))
        place = "outside" if answers.outside else "inside"
        if metric == "mae":
            rows.append([answers.name, *values, *missing, min(constant), place])
        else:
            shown = [percent(value) for value in values]
            rows.append([answers.name, *shown, *missing, percent(max(constant)), place])
    regions = [f"region {region + 1}" for region in range(most)]
    return ["Set", *regions, "best constant", "training range"], rows
