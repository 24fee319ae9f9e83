"""``contextual-counting vary``: training-set variability and the learned reference token."""

import json
from typing import TYPE_CHECKING, NamedTuple

import torch

from contextual_counting.analysis.attribution import attribute, predict
from contextual_counting.analysis.bias_report import SOLVED
from contextual_counting.analysis.figures import stacks
from contextual_counting.analysis.token_kinds import KINDS
from contextual_counting.analysis.trained_network import MANY
from contextual_counting.data.datamodule import VALIDATION, Setting
from contextual_counting.evaluation.predictions import open_with_data, predict_sets, scores
from sciformer.arguments import check_least
from sciformer.progress import track
from sciformer.report.html import Cell, percent
from sciformer.report.report import Report
from sciformer.studies.runner import Run, Study, read_config
from sciformer.studies.summary import study_report
from sciformer.text import reason

if TYPE_CHECKING:
    from contextual_counting.data.datamodule import CountingData
    from contextual_counting.module import CountingModule

ARMS = {
    "nothing": (),
    "length": ("lengths",),
    "regions": ("regions",),
    "density": ("density",),
    "all": ("lengths", "regions", "density"),
}
# Of what a count is compared with; in the order of what it takes to be wrong.
GROUPS = {
    "beginning token": ("begin",),
    "own and earlier brackets": ("own [", "own ]", "earlier [", "earlier ]"),
    "brackets behind": ("next [", "next ]", "later [", "later ]"),
    "0s and other 1s": ("own 0s", "other 0s", "1s of other regions", "1s outside"),
}
SETS = {
    "own": "as in training",
    "long": "twice as long",
    "short": "half as long",
    "fewer": "a region less",
    "sparse": "half as many 1s",
}


class Seen(NamedTuple):
    """Measurements of one trained network.

    Args:
        arm: Property that varied in its training.
        seed: Seed of the training.
        exact: Measured accuracy of each region, by set.
        predicted: Accuracy predicted from the reference tokens.
        shares: Composition of each region's reference tokens, by group of tokens.
    """

    arm: str
    seed: int
    exact: dict[str, list[float]]
    predicted: dict[str, list[float]]
    shares: list[list[float]]


def vary(
    config: str = "configs/contextual_counting/vary.yaml",
    out: str = "runs/contextual_counting/vary",
    seeds: int = 8,
    jobs: int = 1,
    samples: int = 1000,
) -> None:
    """Train with length, regions and density fixed, and with one of them or all random.

    Then measure which reference tokens each region's count uses, and the accuracy on other
    sequences: twice as long, half as long, with one region less, with half as many 1s. Finished
    runs are not repeated; an interrupted run resumes.

    Args:
        config: Configuration with fixed length, number of regions and density; random values are
            drawn around them.
        out: Output folder of the runs, ``metrics.json`` and ``index.html``.
        seeds: Number of seeds, from 0; a seed determines weights and data.
        jobs: Number of parallel processes, with one thread each.
        samples: Sequences per set.

    Raises:
        ValueError: If the configuration cannot be read, or a run failed.
    """
    check_least(seeds=(seeds, 1), samples=(samples, 1))
    stages = _stages(config)
    study = Study("contextual_counting", out, jobs)
    runs = {(arm, seed): _run(config, stages, arm, seed) for arm in ARMS for seed in range(seeds)}
    found = study.fit(runs.values())
    torch.set_num_threads(1)
    seen = []
    for (arm, seed), training in track(runs.items(), "measuring", len(runs)):
        run, data = open_with_data(study.folder(training.name))
        seen.append(look(run.module, data, arm, seed, samples))
    own = open_with_data(study.folder(runs["nothing", 0].name))[1].own
    title = "Which variability in training makes a network generalize"
    around = f"Around T {own.length}, R {own.regions} and density {own.density}"
    about = f"{around}; {seeds} seeds for each quantity that is random."
    with study_report(study, config, found, title, about) as report:
        _add(report, seen)
        _add_predictions(report, seen)


def _stages(config: str) -> dict[str, str]:
    """Stages of each arm's training, as YAML."""
    said = read_config("contextual_counting", config).get("data", {})
    try:
        length, regions, density = (said[name] for name in ("length", "regions", "density"))
        kept = [{name: stage[name] for name in ("steps", "batch_size")} for stage in said["stages"]]
        random = {
            "lengths": [length // 2, length],
            "regions": [regions, regions + 1],
            "density": [0.1, 0.9],
        }
    except (KeyError, TypeError) as error:
        needs = "needs length, regions, density, and stages of steps and batch_size"
        raise ValueError(f"{config}: data: {needs}: no {reason(error)}") from error
    fixed = {
        "lengths": [length, length],
        "regions": [regions, regions],
        "density": [density, density],
    }
    return {
        arm: json.dumps([stage | fixed | {name: random[name] for name in names} for stage in kept])
        for arm, names in ARMS.items()
    }


def _run(config: str, stages: dict[str, str], arm: str, seed: int) -> Run:
    words = ("fit", "--config", config, "--seed_everything", str(seed))
    return Run(f"{arm}/seed{seed}", (*words, "--data.stages", stages[arm]))


def sets(own: Setting) -> dict[str, Setting]:
    """The run's own setting, and others with one property changed, by name."""
    return {
        "own": own,
        "long": own._replace(length=2 * own.length),
        "short": own._replace(length=own.length // 2),
        "fewer": own._replace(regions=own.regions - 1),
        "sparse": own._replace(density=own.density / 2),
    }


def look(module: "CountingModule", data: "CountingData", arm: str, seed: int, samples: int) -> Seen:
    """Measure one network.

    Args:
        module: Module in evaluation mode.
        data: Data module of the training.
        arm: Property that varied in its training.
        seed: Seed of the training.
        samples: Sequences per set.

    Returns:
        Measured and predicted accuracy, and reference tokens.
    """
    tokens = data.sequences(data.own, VALIDATION, MANY).tokens
    found = attribute(module.model, tokens, data.own.regions)
    exact, predicted = {}, {}
    for answers in predict_sets(module, data, samples, sets(data.own)):
        numbers = scores(answers)
        regions = range(answers.setting.regions)
        exact[answers.name] = [numbers[f"{answers.name}/top1/region{r}"] for r in regions]
        asked = data.sequences(answers.setting, samples=samples)
        predicted[answers.name] = predict(module.model, found, asked.tokens, asked.counts).tolist()
    rest = found.rest
    grouped = torch.stack([rest[:, [KINDS.index(k) for k in ks]].sum(1) for ks in GROUPS.values()])
    shares: list[list[float]] = (grouped / grouped.sum(0)).T.tolist()
    return Seen(arm, seed, exact, predicted, shares)


def _add(report: Report, seen: list[Seen]) -> None:
    """Add results, figure and tables."""
    report.add_metrics(
        {
            f"{name}/top1/{one.arm}/seed{one.seed}.region{region}": value
            for one in seen
            for name, values in one.exact.items()
            for region, value in enumerate(values)
        }
    )
    found = {arm: [one for one in seen if one.arm == arm] for arm in ARMS}
    means = {}
    passed: list[list[Cell]] = []
    compared: list[list[Cell]] = []
    for arm, runs in found.items():
        solved = [
            (one, region)
            for one in runs
            for region, value in enumerate(one.exact["own"])
            if value >= SOLVED
        ]
        counted: list[Cell] = [f"{len(solved)} of {sum(len(one.exact['own']) for one in runs)}"]
        for name in list(SETS)[1:]:
            tried = [one.exact[name][r] for one, r in solved if r < len(one.exact[name])]
            counted.append(f"{sum(value >= SOLVED for value in tried)} of {len(tried)}")
        passed.append([arm, *counted])
        shares = torch.tensor([one.shares[region] for one, region in solved]).reshape(
            -1, len(GROUPS)
        )
        means[arm] = shares.mean(0).tolist()
        leads = torch.bincount(shares.argmax(1), minlength=len(GROUPS)).tolist()
        cells = zip(means[arm], leads, strict=True)
        compared.append([arm, *(f"{percent(share, 0)}; {lead}" for share, lead in cells)])
        report.add_metrics(
            {f"bias/{name}/{arm}": share for name, share in zip(GROUPS, means[arm], strict=True)}
        )
    report.add_table(
        "Regions that count (at least 95 % exact)",
        ["What is random in training", *SETS.values()],
        passed,
        "First of all regions of all seeds; then, of those that count, on sequences in which one "
        "thing differs.",
    )
    report.add_figure(
        "What counts are compared with",
        stacks(means, list(GROUPS)),
        "Mean over the regions that count. The beginning token and the brackets up to a region's "
        "own are always as many; those behind change with the number of regions; 0s and other 1s "
        "with length and density.",
    )
    report.add_table(
        "What counts are compared with: share, and regions in which it leads",
        ["What is random in training", *GROUPS],
        compared,
    )


def _add_predictions(report: Report, seen: list[Seen]) -> None:
    """Compare predicted with measured generalization, set by set."""
    solved = [
        (one, region)
        for one in seen
        for region, value in enumerate(one.exact["own"])
        if value >= SOLVED
    ]
    explained = [(one, region) for one, region in solved if one.predicted["own"][region] >= SOLVED]
    rows: list[list[Cell]] = []
    for name, regions in (("all", solved), ("explained", explained)):
        right = torch.zeros(2, 2)  # fails or passes, and whether that is predicted
        for one, region in regions:
            for other in list(SETS)[1:]:
                if region < len(one.exact[other]):
                    passes = one.exact[other][region] >= SOLVED
                    as_predicted = (one.predicted[other][region] >= SOLVED) == passes
                    right[int(passes), int(as_predicted)] += 1
        shares = right[:, 1] / right.sum(1)
        counted = [f"{int(hits)} of {int(hits + misses)}" for misses, hits in right.tolist()]
        rows.append([f"{name}, {len(regions)}", *reversed(counted), percent(shares.mean().item())])
        report.add_metrics({f"foretold/balanced_accuracy/{name}": shares.mean().item()})
    report.add_table(
        "Predicted and measured generalization",
        ["Regions that count", "predicted of those that pass", "of those that fail", "balanced"],
        rows,
        "One set and region at a time, over all arms and seeds. Foretold from what a count is "
        "compared with on the run's own sequences, by counting the tokens of each kind in others. "
        "Explained: on the run's own sequences, too, that gives at least 95 % exact counts.",
    )
