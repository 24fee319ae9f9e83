"""``contextual-counting evaluate``: accuracy per region on several test sets, with figures."""

from typing import TYPE_CHECKING

import torch

from contextual_counting.data.curriculum import check_room
from contextual_counting.evaluation import figures
from contextual_counting.evaluation.given_sequences import (
    check_answerable,
    given_sequences,
    written_table,
)
from contextual_counting.evaluation.predictions import (
    Answers,
    open_with_data,
    predict_given,
    predict_sets,
    scores,
)
from sciformer.arguments import ArgumentError, check_least
from sciformer.report.html import Cell, percent
from sciformer.report.report import Report
from sciformer.text import counted

if TYPE_CHECKING:
    from contextual_counting.data.datamodule import CountingData, Setting
    from contextual_counting.module import CountingModule

TITLES = {
    "top1": "Exact count (top-1), share of sequences",
    "top5": "Among the five most likely (top-5), share of sequences",
    "mae": "Mean absolute error, in 1s",
}
BEST = "Best constant: the one answer that fits its easiest region best, chosen in hindsight."


def evaluate(
    path: str,
    out: str | None = None,
    data: str | None = None,
    samples: int = 4000,
    sets: list[str] | None = None,
    threads: int = 1,
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Evaluate accuracy per region on several test sets, with figures.

    Sets: the ``length``, ``regions`` and ``density`` of the run's data (``id``), and changes of one
    of them at a time: length 300, 3 regions, length 1024, density 0.3. Optional sets: 12 regions,
    and length 2048.

    Args:
        path: A checkpoint or a run folder.
        out: Output folder of ``metrics.json`` and ``index.html``; by default ``report`` in the
            folder of the checkpoint.
        data: Sequences to evaluate on instead of these sets: a folder written by
            ``contextual-counting simulate``, a text file with a sequence on each line, or a
            sequence, as ``"0 1 [ 1 0 ] 1"``.
        samples: Maximum number of sequences per set.
        sets: Sets in addition to ``id``, from ``t300``, ``r3``, ``t1024``, ``density0.3``, ``r12``
            and ``t2048``; by default those of the first four that the network can process.
        threads: CPU threads; more than one helps little for batches that fit in the cache.
        device: ``cpu``, ``cuda`` or another device of torch; by default the GPU, if there is one.
        overwrite: Replace an existing report.

    Raises:
        ValueError: If the checkpoint, device or set does not exist, or the network cannot process
            the set.
    """
    check_least(samples=(samples, 1), threads=(threads, 1))
    if data is not None and sets is not None:
        raise ArgumentError("sets", "they are drawn; leave them out with --data")
    torch.set_num_threads(threads)
    run, source = open_with_data(path, device)
    asked = source.settings if sets is None else named_sets(sets, run.module, source)
    given = None if data is None else given_sequences(data, samples)
    if given is not None:
        check_answerable("data", run.module, given.setting)
    with run.report("Contextual counting", out, overwrite, data=data) as report:
        report.summary = _summary(source, samples)
        if given is None:
            answered = predict_sets(run.module, source, samples, asked)
        else:
            answered = [predict_given(run.module, source, given)]
        numbers = {key: value for answers in answered for key, value in scores(answers).items()}
        report.add_metrics(numbers)
        _add_results(report, answered[0], numbers)
        _add_tables(report, answered, numbers)
        if given is not None and given.written:
            report.add_table(*written_table(given.written, answered[0].ranked[..., 0]))
        figures.add_accuracy(report, answered, numbers)
        figures.add_scatter(report, answered)
        first = source.evaluation("id", samples=1) if given is None else given.parts[0]
        figures.add_attention(report, run.module, first)


def named_sets(
    names: list[str], module: "CountingModule", data: "CountingData"
) -> "dict[str, Setting]":
    """Settings of ``id`` and of the named sets, all of which the network can process."""
    known = data.settings | data.further
    for name in names:
        if name not in known:
            raise ArgumentError("sets", f"{name!r} is none of {', '.join(known)}")
        check_room(f"{name}.length", *known[name][:2])
        check_answerable(f"sets: {name!r}", module, known[name])
    return {name: known[name] for name in dict.fromkeys(["id", *names])}


def _summary(data: "CountingData", samples: int) -> str:
    length, regions, density = data.own
    return (
        f"Trained for sequences of {length} tokens with {counted(regions, 'delimited region')} "
        f"and a 1 with probability {density}; asked how many 1s each region holds, on "
        f"{counted(samples, 'new sequence')} per set. Regions are never averaged: a mean "
        "would hide that one of them fails."
    )


def _add_results(report: Report, own: Answers, numbers: dict[str, float]) -> None:
    """Add headline numbers: each region of the first set."""
    for region in range(own.setting.regions):
        key = f"{own.name}/top1/region{region}"
        report.add_result(
            f"exact count, region {region + 1}",
            percent(numbers[key]),
            f"{percent(numbers[f'{key}/baseline_constant'])} (best constant)",
        )


def _add_tables(report: Report, sets: list[Answers], numbers: dict[str, float]) -> None:
    report.add_table(
        "Sets of sequences",
        ["Set", "tokens", "regions", "density of 1s", "training range"],
        [
            [
                a.name,
                *map(str, a.setting),
                "outside: " + ", ".join(a.outside) if a.outside else "inside",
            ]
            for a in sets
        ],
        "Inside: every number lies between the least and the most that this run was trained on.",
    )
    for metric, title in TITLES.items():
        report.add_table(title, *_table(metric, sets, numbers), BEST)


def _table(
    metric: str, sets: list[Answers], numbers: dict[str, float]
) -> tuple[list[str], list[list[Cell]]]:
    """Columns and rows of one metric for every set, by region."""
    most = max(answers.setting.regions for answers in sets)
    rows: list[list[Cell]] = []
    for answers in sets:
        keys = [f"{answers.name}/{metric}/region{r}" for r in range(answers.setting.regions)]
        values = [numbers[key] for key in keys]
        constant = [numbers[f"{key}/baseline_constant"] for key in keys]
        missing = [None] * (most - len(keys))
        place = "outside" if answers.outside else "inside"
        if metric == "mae":
            rows.append([answers.name, *values, *missing, min(constant), place])
        else:
            shown = [percent(value) for value in values]
            rows.append([answers.name, *shown, *missing, percent(max(constant)), place])
    regions = [f"region {region + 1}" for region in range(most)]
    return ["Set", *regions, "best constant", "training range"], rows
