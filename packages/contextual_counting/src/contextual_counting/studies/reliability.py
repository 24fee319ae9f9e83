"""``contextual-counting reliability``: one configuration with many seeds, and what failures use."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch

from contextual_counting.analysis.attribution import attribute
from contextual_counting.analysis.trained_network import MANY
from contextual_counting.data.datamodule import VALIDATION
from contextual_counting.evaluation.evaluate import named_sets
from contextual_counting.evaluation.oracle import SETS
from contextual_counting.evaluation.predictions import open_with_data, predict_sets, scores
from contextual_counting.studies.figures import seeds_in_order
from sciformer.arguments import ArgumentError, check_least, check_share
from sciformer.files import write_atomically
from sciformer.progress import track
from sciformer.report.html import Cell, duration, percent
from sciformer.report.report import Report
from sciformer.strict_json import read_json
from sciformer.studies.runner import Run, Study, read_config
from sciformer.studies.summary import kept_results, study_report, write_json
from sciformer.training.checkpoints import checkpoint

if TYPE_CHECKING:
    from contextual_counting.data.datamodule import Setting

CONFIG = "trained.json"  # of a study: the configuration of its runs
Z = 1.96  # standard deviations of a 95 % interval


class Trained(NamedTuple):
    """What one seed gave.

    Args:
        seed: Seed of weights and data.
        exact: Fraction of exact counts of each region, by set; the training distribution first.
        leads: Kinds of tokens that each region's count is compared with, and their share.
        cpu_s: CPU time of the training in seconds.
    """

    seed: int
    exact: dict[str, list[float]]
    leads: list[dict[str, float]]
    cpu_s: float

    def worst(self, name: str = "id") -> tuple[int, float]:
        """Index and accuracy of the worst region of a set."""
        values = self.exact[name]
        region = min(range(len(values)), key=values.__getitem__)
        return region, values[region]


def reliability(
    config: str,
    seeds: str = "10",
    out: str | None = None,
    optimizer: Literal["muon", "muon_bf16", "adamw"] | None = None,
    jobs: int = 1,
    samples: int = 4000,
    sets: list[str] | None = None,
    least: float = 0.995,
    least_far: float = 0.95,
) -> None:
    """Train a configuration with many seeds, and list the worst region of every one.

    The rate of success is the fraction of seeds of which every region counts. Also listed: what the
    worst region's count is compared with, which says why it fails. Finished runs are not repeated,
    so that more seeds can be added; an interrupted run resumes.

    Args:
        config: Configuration to train.
        seeds: Number of seeds, from 0; or a list of seeds, as ``3,5,8``.
        out: Output folder of the runs, ``metrics.json`` and ``index.html``; by default
            ``runs/contextual_counting/reliability/`` and the name of the configuration.
        optimizer: Optimizer in place of the configuration's; ``muon_bf16`` orthogonalizes in bf16,
            as GPUs do.
        jobs: Number of parallel processes, with one thread each.
        samples: Sequences per set.
        sets: Sets in addition to ``id``, from ``t300``, ``r3``, ``t1024``, ``density0.3``, ``r12``
            and ``t2048``.
        least: Smallest fraction of exact counts of a region that counts, in ``id``.
        least_far: The same, in the other sets.

    Raises:
        ValueError: If the configuration cannot be read, the seeds are none, or a run failed.
    """
    check_least(samples=(samples, 1))
    check_share(least=least, least_far=least_far)
    for unknown in {*(sets or ())} - {*SETS}:
        raise ArgumentError("sets", f"{unknown!r} is none of {', '.join(SETS)}")
    numbers = seeds_of(seeds)
    content = read_config("contextual_counting", config)
    words = () if optimizer is None else (f"--model.optimizer={optimizer}",)
    name = "-".join([Path(config).stem, *([] if optimizer is None else [optimizer])])
    study = Study(
        "contextual_counting", out or f"runs/contextual_counting/reliability/{name}", jobs
    )
    _same_configuration(study.out / CONFIG, {"config": content, "words": list(words)})
    fit = ("fit", "--config", config, *words)
    runs = {n: Run(f"seed{n}", (*fit, "--seed_everything", str(n))) for n in numbers}
    found = study.fit(runs.values())
    torch.set_num_threads(1)
    trained = [
        _measured(study.folder(run.name), seed, samples, sets or [], found[run.name])
        for seed, run in track(runs.items(), "measuring", len(runs))
    ]
    about = f"Seeds {_spelled(numbers)}; {samples} sequences per set."
    with study_report(study, config, found, f"Reliability of {name}", about) as report:
        _add(report, trained, least, least_far)


def seeds_of(said: str) -> list[int]:
    """Seeds of ``5``, which are 0 to 4, or of a list: ``3,5,8``, or ``577,`` for one.

    Args:
        said: Number of seeds or list.

    Returns:
        The seeds.

    Raises:
        ArgumentError: If there are none, one is no whole number from 0, or is given twice.
    """
    plain = str(said).strip()
    listed = plain.startswith("[") or "," in plain
    words = [word.strip() for word in plain.strip("[]").split(",") if word.strip()]
    wrong = [word for word in words if not (word.isascii() and word.isdigit())]
    if wrong or not words:
        raise ArgumentError("seeds", f"{wrong[0] if wrong else said!r} is no whole number from 0")
    seeds = [int(word) for word in words]
    seeds = seeds if listed else list(range(seeds[0]))
    if not seeds or len({*seeds}) < len(seeds):
        reason = "is in the list twice" if seeds else "is less than 1"
        raise ArgumentError(
            "seeds", f"{next((s for s in seeds if seeds.count(s) > 1), 0)} {reason}"
        )
    if max(seeds) >= 2**32:
        raise ArgumentError("seeds", f"{max(seeds)} is not below 2^32")
    return seeds


def _spelled(seeds: list[int]) -> str:
    whole = seeds == list(range(len(seeds))) and len(seeds) > 1
    return f"0 to {seeds[-1]}" if whole else ", ".join(map(str, seeds))


def _same_configuration(path: Path, content: dict[str, Any]) -> None:
    """Keep what the runs of a folder are trained with; refuse another one's, once some began."""
    if not any(path.parent.rglob("*.ckpt")):
        write_atomically(path, lambda beside: write_json(beside, content))
    elif not path.is_file() or read_json(path) != content:
        raise ArgumentError("out", f"{path.parent}: holds runs of other settings; choose another")


def _measured(
    folder: Path, seed: int, samples: int, sets: list[str], metrics: dict[str, Any]
) -> Trained:
    """Accuracy and bias of a run, cached next to its checkpoint."""
    path = checkpoint.find(folder)
    ending = f"-{'-'.join([*sets, str(samples)])}.json"
    kept = kept_results(path, ending, lambda: _measure(path, samples, sets))
    return Trained(seed, kept["exact"], kept["leads"], metrics["run"]["cpu_s"])


def _measure(path: Path, samples: int, sets: list[str]) -> dict[str, Any]:
    run, data = open_with_data(path)
    asked: dict[str, Setting] = named_sets(sets, run.module, data)
    exact = {}
    for answers in predict_sets(run.module, data, samples, asked):
        numbers = scores(answers)
        regions = range(answers.setting.regions)
        exact[answers.name] = [numbers[f"{answers.name}/top1/region{r}"] for r in regions]
    tokens = data.sequences(data.own, VALIDATION, MANY).tokens
    found = attribute(run.module.model, tokens, data.own.regions)
    return {"exact": exact, "leads": [found.leading(r) for r in range(data.own.regions)]}


def _add(report: Report, trained: list[Trained], least: float, least_far: float) -> None:
    """Add rates of success, the list of seeds, and a figure."""
    names = list(trained[0].exact)
    bounds = {name: least if name == "id" else least_far for name in names}
    for name in names:
        solved = sum(one.worst(name)[1] >= bounds[name] for one in trained)
        low, high = interval(solved, len(trained))
        text = f"{solved} of {len(trained)} ({percent(low, 0)} to {percent(high, 0)})"
        report.add_result(f"seeds with every region at {percent(bounds[name], 1)}, {name}", text)
        report.add_metrics({f"{name}/success": solved / len(trained)})
    times = [one.cpu_s for one in trained]
    mean = sum(times) / len(times)
    report.add_result("CPU time of a training", f"{duration(mean)}, at most {duration(max(times))}")
    for one in trained:
        report.add_metrics({f"study/cpu_s/seed{one.seed}": one.cpu_s})
        report.add_metrics(
            {
                f"{name}/top1/seed{one.seed}.region{region}": value
                for name, values in one.exact.items()
                for region, value in enumerate(values)
            }
        )
    columns = ["Seed", *(f"worst region, {name}" for name in names), "counts", "CPU time"]
    rows: list[list[Cell]] = []
    for one in trained:
        worst = [one.worst(name) for name in names]
        counts = all(w[1] >= bounds[n] for n, w in zip(names, worst, strict=True))
        cells = [f"{region + 1}: {percent(value)}" for region, value in worst]
        leads = one.leads[one.worst()[0]].items()
        compared = ", ".join(f"{kind} {percent(share, 0)}" for kind, share in leads)
        row = [str(one.seed), *cells, "yes" if counts else "no", duration(one.cpu_s), compared]
        rows.append([*row])
    report.add_table(
        "Every seed",
        [*columns, "worst region of id is compared with"],
        rows,
        "Interval: 95 %, Wilson's. Compared with: kinds of tokens whose weight together with that "
        "of a region's 1s encodes the count; a count holds wherever they are as many.",
    )
    worst = {name: [one.worst(name)[1] for one in trained] for name in names}
    report.add_figure(
        "Worst region of every seed",
        seeds_in_order(worst, bounds),
        "One dot per seed, from the worst to the best: exact counts of its worst region. Dashed: "
        "what counts as solved.",
    )


def interval(hits: int, tries: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate.

    Args:
        hits: Number of successes.
        tries: Number of trials, at least 1.

    Returns:
        Lower and upper bound, from 0 to 1.
    """
    rate, unit = hits / tries, Z**2 / tries
    middle = (rate + unit / 2) / (1 + unit)
    half = Z * math.sqrt(rate * (1 - rate) / tries + unit / (4 * tries)) / (1 + unit)
    return max(0.0, middle - half), min(1.0, middle + half)
