"""``mpp transfer``: finetuning on a new system, compared with training from scratch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mpp.evaluation.baselines import BASELINES
from mpp.studies import joint
from mpp.studies.joint import SPANS, SUMMARY, Numbers, Training
from sciformer.arguments import check_least
from sciformer.evaluation.comparison import metric_key
from sciformer.report.report import Report
from sciformer.studies.runner import Run, Study
from sciformer.studies.summary import mean_and_range, study_report
from sciformer.training import table
from sciformer.training.checkpoints import checkpoint

RATES = (1e-3, 2e-3, 4e-3, 8e-3)
LONGER, PATIENT = 4, 20  # times the updates
METRIC = "val/nrmse"  # of the validation


class Arm(NamedTuple):
    """One way to train a network for the new system.

    Args:
        name: Name in folders and keys.
        label: Label in tables.
        pretrained: Whether it starts from the joint network.
        times: Number of updates, relative to the configuration.
        few: Whether it uses few trajectories; its best checkpoint by validation is then evaluated.
    """

    name: str
    label: str
    pretrained: bool = False
    times: int = 1
    few: bool = False


FINETUNED = Arm("finetuned", "finetuned", pretrained=True)
SCRATCH = Arm("scratch", "from scratch")
LONG = Arm("scratch-long", f"from scratch, {LONGER} times the updates", times=LONGER)
FEW = Arm("finetuned-few", "finetuned, few trajectories", pretrained=True, times=PATIENT, few=True)
FEW_SCRATCH = Arm("scratch-few", "from scratch, few trajectories", times=PATIENT, few=True)
ARMS = (FINETUNED, SCRATCH, LONG, FEW, FEW_SCRATCH)
PAIRS = {"equal": (FINETUNED, SCRATCH), "few": (FEW, FEW_SCRATCH)}


Grids = dict[Arm, tuple[float, ...]]
Rates = dict[Arm, float]


class Setup(NamedTuple):
    """Settings that all runs of the study share.

    Args:
        config: Path of the configuration.
        training: Content of the configuration.
        starts: The joint network of each seed.
        few: Number of trajectories of the arms with few of them.
        like: Field -> known field whose row it is initialized with.
    """

    config: str
    training: Training
    starts: list[str]
    few: int
    like: dict[str, str]

    def run(self, arm: Arm, rate: float, seed: int) -> Run:
        """Describe one training."""
        words = ("fit",)
        if arm.pretrained:
            words = ("finetune", self.starts[seed], "--model.like", json.dumps(self.like))
        words += ("--config", self.config, "--seed_everything", str(seed), f"--model.lr={rate}")
        if arm.times > 1:
            steps, warmup = arm.times * self.training.steps, arm.times * self.training.warmup
            words += (f"--data.steps={steps}", f"--model.warmup={warmup}")
            words += (f"--trainer.val_check_interval={steps // 10}",)
        if arm.few:
            words += (f"--data.trajectories={self.few}",)
        return Run(f"{arm.name}/lr{rate:g}/seed{seed}", words)

    def runs(self, grids: Grids, seeds: int) -> list[Run]:
        """Describe the trainings of some arms, at each of their learning rates."""
        every = [(arm, rate) for arm, rates in grids.items() for rate in rates]
        return [self.run(arm, rate, seed) for arm, rate in every for seed in range(seeds)]


def transfer(
    config: str = "configs/mpp/transfer.yaml",
    pretrained: str = "runs/mpp/joint",
    out: str = "runs/mpp/transfer",
    like: dict[str, str] | None = None,
    few: int = 8,
    seeds: int = 3,
    jobs: int = 1,
) -> None:
    """Compare finetuning the joint network on a new system with training from scratch.

    At equal updates, each arm has the best of four learning rates, by validation error averaged
    over seeds. At this rate, also: training from scratch with four times the updates; and both arms
    with few trajectories and twenty times the updates, evaluated at the best checkpoint by
    validation. Errors are computed on the test windows. Finished runs are not repeated.

    Args:
        config: Configuration of the trainings on the new system.
        pretrained: Folder of ``mpp joint``; the joint network of each seed is finetuned.
        out: Output folder of the runs, ``metrics.json`` and ``index.html``.
        like: Field -> known field whose row it is initialized with.
        few: Number of trajectories of the arms with few of them.
        seeds: Number of seeds, from 0; a seed determines weights, data and order.
        jobs: Number of parallel processes, with one thread each.

    Raises:
        ValueError: If a joint network is missing, the configuration cannot be read, or a run
            failed.
    """
    check_least(seeds=(seeds, 1), few=(few, 1))
    training = joint.read(config)
    if len(training.systems) != 1:
        raise ValueError(f"{config}: data.simulate: {list(training.systems)} are not one system")
    folders = [Path(pretrained) / joint.place(seed, joint.JOINT) for seed in range(seeds)]
    starts = [str(checkpoint.find(folder)) for folder in folders]
    setup = Setup(config, training, starts, few, like or {})
    study = Study("mpp", out, jobs)
    found, rates = search(study, setup, seeds)
    scores = {}
    for arm in ARMS:
        kept = "best.ckpt" if arm.few else "last.ckpt"
        names = [setup.run(arm, rates[arm], seed).name for seed in range(seeds)]
        scores[arm] = [joint.kept_metrics(study.folder(name) / kept) for name in names]
    title = "A pretrained network on a new system"
    about = f"The pretraining is not among them. {SUMMARY.format(seeds=seeds)}"
    with study_report(study, config, found, title, about) as report:
        _add_gains(report, scores, training)
        _add_table(report, scores, rates, setup)
        _add_rates(report, study, setup, rates, seeds)


def search(study: Study, setup: Setup, seeds: int) -> tuple[dict[str, dict[str, Any]], Rates]:
    """Run all trainings; return the metrics of each run and the learning rate of each arm."""
    grids: Grids = dict.fromkeys(PAIRS["equal"], RATES)
    found = study.fit(setup.runs(grids, seeds))
    rates = {arm: chosen(study, setup, arm, RATES, seeds) for arm in grids}
    for arm, same in ((LONG, SCRATCH), *zip(PAIRS["few"], PAIRS["equal"], strict=True)):
        rates[arm] = rates[same]
    longer = {arm: (rates[arm],) for arm in rates if arm not in grids}
    found |= study.fit(setup.runs(longer, seeds))
    return found, rates


def validation(study: Study, setup: Setup, arm: Arm, rate: float, seeds: int) -> float:
    """Validation error of an arm at a learning rate, averaged over seeds."""
    folders = [study.folder(setup.run(arm, rate, seed).name) for seed in range(seeds)]
    curves = [list(curve(folder).values()) for folder in folders]
    return float(np.mean([min(values) if arm.few else values[-1] for values in curves]))


def curve(folder: Path) -> dict[int, float]:
    """Validation error of a run, by step."""
    path = folder / "metrics.csv"
    columns, rows = table.read(path)
    try:
        step, error = columns.index(table.STEP), columns.index(METRIC)
        return {int(row[step]): float(row[error]) for row in rows if row[error]}
    except ValueError as error:
        raise ValueError(f"{path}: damaged: {error}") from error


def chosen(study: Study, setup: Setup, arm: Arm, rates: Sequence[float], seeds: int) -> float:
    """Learning rate with the smallest validation error."""
    return min(rates, key=lambda rate: validation(study, setup, arm, rate, seeds))


def _add_gains(report: Report, scores: dict[Arm, list[Numbers]], training: Training) -> None:
    """Add the ratio of the errors of training from scratch and finetuning, by seed."""
    (system,) = training.systems
    words = {"equal": "at equal updates", "few": "with few trajectories, both to their best"}
    for pair, (ours, theirs) in PAIRS.items():
        for span, said in SPANS.items():
            key = f"{system}/nrmse/{span}"
            gains = [b[key] / a[key] for a, b in zip(scores[ours], scores[theirs], strict=True)]
            report.add_metrics({f"{system}/gain_{pair}/{span}": np.mean(gains)})
            name = f"Error from scratch over that finetuned, {words[pair]}, {said}"
            each = ", ".join(f"{gain:.2f}" for gain in gains)
            report.add_result(name, f"{np.mean(gains):.2f} (seeds: {each})")


def _add_table(
    report: Report, scores: dict[Arm, list[Numbers]], rates: Rates, setup: Setup
) -> None:
    (system,) = setup.training.systems
    rows = []
    for arm, found in scores.items():
        updates = setup.training.steps * arm.times
        row: list[str] = [arm.label, str(updates), f"{rates[arm]:g}"]
        for span in SPANS:
            each = [numbers[f"{system}/nrmse/{span}"] for numbers in found]
            report.add_metrics({f"{system}/nrmse/{span}/{arm.name}": np.mean(each)})
            row.append(mean_and_range(each))
        rows.append(row)
    for baseline in BASELINES:
        means = []
        for span in SPANS:
            key = metric_key(f"{system}/nrmse/{span}", baseline)
            means.append(np.mean([numbers[key] for numbers in scores[SCRATCH]]))
            report.add_metrics({key: means[-1]})
        rows.append([baseline, "", "", *(f"{mean:.4f}" for mean in means)])
    columns = ("Network", "Updates", "Learning rate", *(f"NRMSE {said}" for said in SPANS.values()))
    note = f"Few trajectories: {setup.few} to train on; the best network of ten validations counts."
    report.add_table(f"{system}, which the joint network has not seen", columns, rows, note)


def _add_rates(report: Report, study: Study, setup: Setup, rates: Rates, seeds: int) -> None:
    rows = []
    for arm in PAIRS["equal"]:
        errors = [validation(study, setup, arm, rate, seeds) for rate in RATES]
        rows.append([arm.label, *(f"{error:.4f}" for error in errors)])
    columns = ("Network", *(f"lr {rate:g}" for rate in RATES))
    said = []
    for arm in PAIRS["few"]:
        folders = [study.folder(setup.run(arm, rates[arm], seed).name) for seed in range(seeds)]
        steps = [min(one, key=lambda step: one[step]) + 1 for one in map(curve, folders)]
        said.append(f"{arm.label}: {', '.join(map(str, steps))}")
    note = f"Updates at the best of ten validations, seed by seed. {'; '.join(said)}."
    report.add_table("Validation error by learning rate", columns, rows, note)
