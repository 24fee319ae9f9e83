"""``xval sweep``: compare the number encodings at equal samples and at equal CPU time."""

import json
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sciformer.arguments import check_least, check_positive
from sciformer.studies.runner import Run, Study, read_config
from sciformer.studies.summary import kept_results, study_report
from sciformer.training.callbacks.cpu_budget import CpuBudget
from sciformer.training.checkpoints import checkpoint
from sciformer.training.checkpoints.checkpoint import class_path
from xval.encodings.encoding import NAMES, Encoding
from xval.evaluation.comparison import Comparison, read_answers, write_answers
from xval.evaluation.evaluate import gaps, measure, open_data
from xval.inference.ask_command import open_run
from xval.studies.encodings_report import (
    CONVERGED,
    SAMPLES,
    TIME,
    XVAL,
    Rival,
    add_gaps,
    add_rivals,
)

Arm = Literal["samples", "time", "converged"]
CONTEXT = 1024  # tokens of a text, where a configuration does not say
ENDLESS = ("--trainer.max_epochs=-1", "--trainer.max_steps=-1", "--model.steps=1000000000")
COOLDOWN, PATIENCE = 0.2, 3  # of a training to its end: share of the time, validations


def sweep(
    config: str = "configs/xval/quick.yaml",
    out: str = "runs/xval/sweep",
    encodings: list[str] | None = None,
    arms: list[Arm] | None = None,
    seeds: int = 3,
    jobs: int = 1,
    longest: float = 10.0,
) -> None:
    """Train one configuration with every number encoding, and compare errors and cost.

    ``samples``: train as configured, all encodings on the same texts. ``time``: train the text
    encodings for the CPU time of the steps of xVal's training, with the learning rate decaying to 0
    over it. ``converged``: train the text encodings until validation has not improved three times,
    then decay the learning rate over the last fifth of the training; limited to ``longest`` times
    xVal's CPU time; the best checkpoint by validation is used. All other settings are equal.
    Finished runs are not repeated; an interrupted run resumes.

    Args:
        config: Configuration of xVal's training.
        out: Output folder of the runs, ``metrics.json`` and ``index.html``.
        encodings: Encodings to compare: ``p10``, ``p1000``, ``b1999``, ``fp15`` and ``xval``
            (always included); by default all.
        arms: Arms to run: ``samples`` (always included), ``time`` and ``converged``; by default
            all.
        seeds: Number of seeds, from 0; a seed determines weights, data and order.
        jobs: Number of parallel processes, with one thread each.
        longest: Maximum CPU time of a ``converged`` training, in units of xVal's.

    Raises:
        ValueError: If the configuration cannot be read, an encoding or arm is unknown, or a run
            failed.
    """
    check_least(seeds=(seeds, 1))
    check_positive(longest=longest)
    rivals = [name for name in encodings or NAMES if name != XVAL]
    for name in rivals:
        Encoding(name)  # an unknown one is said before anything is run
    setup = Setup(config, _context(config), list(range(seeds)), longest)
    study = Study("xval", out, jobs)
    names = (XVAL, *rivals)
    found = study.fit(setup.run(name, SAMPLES, seed) for name in names for seed in setup.seeds)
    seconds = {seed: spent(study, place(XVAL, SAMPLES, seed)).cpu_s for seed in setup.seeds}
    further = [arm for arm in (TIME, CONVERGED) if arms is None or arm in arms]
    found |= study.fit(
        setup.run(name, arm, seed, seconds[seed])
        for arm in further
        for name in rivals
        for seed in setup.seeds
    )
    every = [_rival(study, setup, XVAL, SAMPLES)]
    every += [_rival(study, setup, name, arm) for name in rivals for arm in (SAMPLES, *further)]
    about = (
        f"One trainer, one trunk, the same texts; means over seeds ({seeds}), in brackets lowest "
        "and highest. The text codes write three significant digits, take the nearest number in "
        "their range, and answer from left to right."
    )
    with study_report(study, config, found, "Number encodings", about) as report:
        add_rivals(report, every)
        source, _ = open_data(open_run(study.folder(place(XVAL, SAMPLES, 0)), "cpu"))
        add_gaps(report, every, [gaps(rival.answers[0], source) for rival in every])


class Setup(NamedTuple):
    """Settings that all runs of the study share.

    Args:
        config: Path of the configuration.
        context: Maximum number of tokens per text for xVal.
        seeds: Seeds of the runs.
        longest: Maximum CPU time of a ``converged`` training, in units of xVal's.
    """

    config: str
    context: int
    seeds: list[int]
    longest: float

    def run(self, encoding: str, arm: str, seed: int, seconds: float = 0.0) -> Run:
        """Describe one training; ``seconds`` is the CPU time of xVal's training."""
        words = ("fit", "--config", self.config, "--seed_everything", str(seed))
        words += ("--data.encoding", encoding)
        if encoding != XVAL:
            context = self.context * Encoding(encoding).length
            words += (f"--data.context={context}", "--data.clip=true")
        budget: dict[str, Any] = {}
        if arm != SAMPLES:
            words += ENDLESS
            budget = {"seconds": round(seconds, 2)}
        if arm == CONVERGED:
            budget = {"seconds": round(self.longest * seconds, 2)}
            budget |= {"cooldown": COOLDOWN, "patience": PATIENCE}
        callback = {"class_path": class_path(CpuBudget), "init_args": budget}
        words += (f"--trainer.callbacks+={json.dumps(callback)}",)
        return Run(place(encoding, arm, seed), words)


class Spent(NamedTuple):
    """Cost of a training.

    Args:
        cpu_s: CPU time of the training steps.
        texts: Number of texts processed, including repeats.
        itself: Whether training stopped because validation no longer improved.
    """

    cpu_s: float
    texts: int
    itself: bool


def place(encoding: str, arm: str, seed: int) -> str:
    """Folder of a run."""
    return f"{encoding}/{arm}/seed{seed}"


def spent(study: Study, name: str) -> Spent:
    """Read the cost of a run of a study from its last checkpoint."""
    saved = checkpoint.read(study.folder(name) / "last.ckpt")
    counted = saved["callbacks"][CpuBudget.__qualname__]
    size = saved["datamodule_hyper_parameters"]["batch_size"]
    used, plateau = counted["used"], counted["plateau"]
    itself = plateau is not None and plateau / (1 - COOLDOWN) <= used
    return Spent(used, saved["global_step"] * size, itself)


def _rival(study: Study, setup: Setup, encoding: str, arm: str) -> Rival:
    """Runs of all seeds of an arm, with their results."""
    names = [place(encoding, arm, seed) for seed in setup.seeds]
    kept = "best.ckpt" if arm == CONVERGED else "last.ckpt"
    answers = [kept_answers(study.folder(name) / kept) for name in names]
    took = [spent(study, name) for name in names]
    parameters = _parameters(study.folder(names[0]) / kept)
    return Rival(encoding, arm, answers, parameters, *map(list, zip(*took, strict=True)))


def kept_answers(path: Path) -> list[Comparison]:
    """Predictions of a checkpoint on its own test texts, cached next to it."""

    def ask() -> list[Comparison]:
        run = open_run(path, "cpu")
        return list(measure(run.module, *open_data(run)))

    return kept_results(path, ".npz", ask, write_answers, read_answers)


def _parameters(path: Path) -> int:
    weights = checkpoint.read(path)["state_dict"]
    return sum(tensor.numel() for tensor in weights.values())


def _context(config: str) -> int:
    said = read_config("xval", config)
    try:
        return int(said["data"].get("context", CONTEXT))
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise ValueError(f"{config}: data.context: {error!r}") from error
