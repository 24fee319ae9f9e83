"""``mpp joint``: compare one network for several systems with one network per system."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

import mpp
from mpp.evaluation.baselines import BASELINES
from mpp.evaluation.evaluate import measure_test
from sciformer.arguments import check_least, grouped
from sciformer.evaluation.comparison import metric_key
from sciformer.report.figures import BASELINE, BLUE, INK, VERMILION, WIDE, add_legend, figure
from sciformer.report.report import Report
from sciformer.studies.runner import Run, Study, read_config
from sciformer.studies.summary import kept_results, mean_and_range, study_report

JOINT, EQUAL, WHOLE = "joint", "alone", "alone-whole"
ARMS = {
    JOINT: "one network for all",
    EQUAL: "one for this system, as many steps on it",
    WHOLE: "one for this system, the joint network's whole compute",
}
COLORS = dict(zip(ARMS, (BLUE, VERMILION, BASELINE), strict=True))
SPANS = {"step1": "at one step", "steps1to5": "in the mean of five"}
SUMMARY = (
    "NRMSE on test windows, in the mean over fields and {seeds} seeds; in brackets the lowest and "
    "the highest seed."
)

Numbers = dict[str, float]


def joint(
    config: str = "configs/mpp/joint.yaml",
    out: str = "runs/mpp/joint",
    seeds: int = 3,
    jobs: int = 1,
) -> None:
    """Train one network on all systems of a configuration and one per system, and compare them.

    For each seed: the joint network; for each system, a network trained for as many steps on that
    system as the joint network; and one trained with the joint network's total compute. Errors are
    computed on the test windows. Finished runs are not repeated; an interrupted run resumes.

    Args:
        config: Configuration of the joint network; its systems are under ``data.simulate``.
        out: Output folder of the runs, ``metrics.json`` and ``index.html``.
        seeds: Number of seeds, from 0; a seed determines weights, data and order.
        jobs: Number of parallel processes, with one thread each.

    Raises:
        ValueError: If the configuration cannot be read or a run failed.
    """
    check_least(seeds=(seeds, 1))
    training = read(config)
    systems = list(training.systems)
    if len(systems) < 2:
        raise ValueError(f"{config}: data.simulate: {systems} are less than two systems")
    runs = plan(config, training, seeds)
    study = Study("mpp", out, jobs)
    found = study.fit(runs)
    scores = {run.name: kept_metrics(study.folder(run.name) / "last.ckpt") for run in runs}
    title = "One network for several systems, or one for each"
    with study_report(study, config, found, title, SUMMARY.format(seeds=seeds)) as report:
        for span, words in SPANS.items():
            _add_table(report, scores, systems, seeds, span, words)
        _add_figure(report, scores, systems, seeds)


def kept_metrics(path: Path) -> Numbers:
    """Metrics of a checkpoint on its own test windows, cached next to it."""
    return kept_results(path, ".json", lambda: measure_test(path))


class Training(NamedTuple):
    """Parts of a configuration that a study needs.

    Args:
        systems: Entries of the simulated systems, by name.
        steps: Steps of the training.
        warmup: Warmup steps of the learning rate.
    """

    systems: dict[str, Any]
    steps: int
    warmup: int


def read(config: str) -> Training:
    """Read the configuration of a training on simulated systems.

    Args:
        config: Path of the configuration.

    Returns:
        The parts that a study needs.

    Raises:
        ValueError: If it cannot be read, or lacks one of these parts.
    """
    said = read_config("mpp", config)
    try:
        listed = said["data"]["simulate"]
        named = {one.get("name", one["system"]): one for one in listed}
        warmup = grouped(mpp.PhysicsModule, said["model"])["optimizer"]["warmup"]
        return Training(named, int(said["data"]["steps"]), int(warmup))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"{config}: needs data.simulate (a list of tables), data.steps and "
            f"model.optimizer.warmup: {error!r}"
        ) from error


def plan(config: str, training: Training, seeds: int) -> list[Run]:
    """The runs of the study."""
    runs, part = [], len(training.systems)
    fewer = {"data.steps": training.steps // part, "model.warmup": training.warmup // part}
    fewer["trainer.val_check_interval"] = fewer["data.steps"]
    short = tuple(f"--{key}={value}" for key, value in fewer.items())
    for seed in range(seeds):
        fit = ("fit", "--config", config, "--seed_everything", str(seed))
        runs.append(Run(place(seed, JOINT), fit))
        for name, system in training.systems.items():
            one = ("--data.simulate", json.dumps([system]))
            runs.append(Run(place(seed, EQUAL, name), (*fit, *one, *short)))
            runs.append(Run(place(seed, WHOLE, name), (*fit, *one)))
    return runs


def place(seed: int, arm: str, system: str = "") -> str:
    """Folder of a run."""
    return f"seed{seed}/{arm}" + (f"-{system}" if arm != JOINT else "")


def errors(scores: dict[str, Numbers], arm: str, system: str, seeds: int, span: str) -> list[float]:
    """NRMSE of an arm on a system, by seed."""
    return [scores[place(seed, arm, system)][f"{system}/nrmse/{span}"] for seed in range(seeds)]


def _add_table(
    report: Report,
    scores: dict[str, Numbers],
    systems: list[str],
    seeds: int,
    span: str,
    words: str,
) -> None:
    means: dict[str, list[float]] = {}
    rows = []
    for arm, label in ARMS.items():
        row, means[arm] = [label], []
        for system in systems:
            each = errors(scores, arm, system, seeds, span)
            means[arm].append(float(np.mean(each)))
            report.add_metrics({f"{system}/nrmse/{span}/{arm}": means[arm][-1]})
            row.append(mean_and_range(each))
        rows.append(row)
    for baseline in BASELINES:
        row = [baseline]
        for system in systems:
            key = metric_key(f"{system}/nrmse/{span}", baseline)
            mean = np.mean([scores[place(seed, JOINT)][key] for seed in range(seeds)])
            report.add_metrics({key: mean})
            row.append(f"{mean:.4f}")
        rows.append(row)
    report.add_table(f"NRMSE {words}", ("Network", *map(spaced, systems)), rows)
    won = sum(ours < theirs for ours, theirs in zip(means[JOINT], means[EQUAL], strict=True))
    report.add_result(
        f"Systems on which the joint network beats the specialist {words}, at equal steps on each",
        f"{won} of {len(systems)}",
    )
    report.add_metrics({f"study/joint_wins/{span}": won})


def spaced(name: str) -> str:
    """Readable name of a system."""
    return name.replace("_", " ")


def _add_figure(report: Report, scores: dict[str, Numbers], systems: list[str], seeds: int) -> None:
    with figure(2.6, WIDE) as drawn:
        panels = drawn.subplots(1, len(SPANS), sharey=True)
        for axes, (span, words) in zip(panels, SPANS.items(), strict=True):
            for number, (arm, label) in enumerate(ARMS.items()):
                for row, system in enumerate(systems):
                    each = errors(scores, arm, system, seeds, span)
                    y = np.full(seeds, row + 0.22 * (number - 1))
                    axes.plot(each, y, "o", color=COLORS[arm], markersize=5, label=label)
                    axes.plot(np.mean(each), y[0], "|", color=INK, markersize=12, label="mean")
            axes.set(xscale="log", xlabel=f"NRMSE {words}", ylim=(len(systems) - 0.5, -0.5))
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 4)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_yticks(range(len(systems)), list(map(spaced, systems)))
        add_legend(drawn, 1)
    report.add_figure("Seed by seed", drawn, "Each dot is a network; left is better.")
