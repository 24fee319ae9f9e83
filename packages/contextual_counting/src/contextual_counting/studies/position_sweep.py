"""``contextual-counting sweep``: the paper's grid of position encodings and masks."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from contextual_counting.evaluation.predictions import open_with_data, predict_sets, scores
from contextual_counting.studies import figures
from contextual_counting.studies.paper_grid import CLAIMS, GRID, PUBLISHED, SETS, Arm, Found, spread
from sciformer.arguments import check_least
from sciformer.files import write_atomically
from sciformer.report.html import Cell, percent
from sciformer.report.report import Report
from sciformer.studies.runner import Run, Study, read_config
from sciformer.studies.summary import kept_results, study_report
from sciformer.training.checkpoints import checkpoint

if TYPE_CHECKING:
    from contextual_counting.data.datamodule import CountingData, Setting

SHORT = 300 / 512  # of the paper's sequences


class Point(NamedTuple):
    """Accuracy of one region of one run on one set."""

    arm: Arm
    seed: int
    name: str
    region: int
    exact: float
    chance: float


def sweep(
    config: str = "configs/contextual_counting/sweep.yaml",
    out: str = "runs/contextual_counting/sweep",
    arms: list[str] | None = None,
    seeds: int = 3,
    jobs: int = 1,
    samples: int = 4000,
) -> None:
    """Train one configuration with every mask and position encoding, with and without begin token.

    24 arms with three seeds each. Reports accuracy of every region in distribution, on sequences
    shorter by the paper's factor (300 / 512) and with one region less, as strip plots with the
    paper's best and median results; and which of the paper's orderings are reproduced. Finished
    runs are not repeated; an interrupted run resumes.

    Args:
        config: Configuration shared by all arms.
        out: Output folder of the runs, ``metrics.json``, ``index.html`` and ``points.csv``.
        arms: Arms to run, such as ``causal-none-begin`` or ``full-alibi0.1-bare``; by default all.
        seeds: Number of seeds, from 0; a seed determines weights and data.
        jobs: Number of parallel processes, with one thread each.
        samples: Sequences per set.

    Raises:
        ValueError: If the configuration cannot be read, an arm is unknown, or a run failed.
    """
    check_least(seeds=(seeds, 1), samples=(samples, 1))
    chosen = _chosen(arms)
    read_config("contextual_counting", config)
    study = Study("contextual_counting", out, jobs)
    runs = {(arm, seed): _run(config, arm, seed) for arm in chosen for seed in range(seeds)}
    found = study.fit(runs.values())
    torch.set_num_threads(1)
    points = [
        point
        for (arm, seed), run in runs.items()
        for point in _measured(study.folder(run.name), arm, seed, samples)
    ]
    length, regions, _ = open_with_data(study.folder(next(iter(found))))[1].own
    about = (
        f"T {length} and R {regions}, one point per region and seed; the paper's are at T 512 and "
        "R 4, digitized."
    )
    with study_report(study, config, found, "Position encodings and masks", about) as report:
        _add(report, points)
        _write_points(study.out / "points.csv", points)


def _chosen(names: list[str] | None) -> list[Arm]:
    known = {arm.name: arm for arm in GRID}
    names = list(known) if names is None else names
    for name in names:
        if name not in known:
            raise ValueError(f"arms: {name!r} is none of {', '.join(known)}")
    if not names:
        raise ValueError("arms: there are none in the list")
    return [known[name] for name in names]


def _run(config: str, arm: Arm, seed: int) -> Run:
    words = ("fit", "--config", config, "--seed_everything", str(seed), *arm.words)
    return Run(f"{arm.name}/seed{seed}", words)


def _measured(folder: Path, arm: Arm, seed: int, samples: int) -> list[Point]:
    """Accuracy of a run, cached next to its checkpoint."""
    path = checkpoint.find(folder)
    kept = kept_results(path, f"-{samples}.json", lambda: {"points": _measure(path, samples)})
    return [Point(arm, seed, *row) for row in kept["points"]]


def _measure(path: Path, samples: int) -> list[tuple[str, int, float, float]]:
    """Set, region, accuracy, and accuracy of the best constant prediction."""
    run, data = open_with_data(path)
    rows = []
    for answers in predict_sets(run.module, data, samples, _sets(data)):
        numbers = scores(answers)
        for region in range(answers.setting.regions):
            key = f"{answers.name}/top1/region{region}"
            rows.append((answers.name, region, numbers[key], numbers[f"{key}/baseline_constant"]))
    return rows


def _sets(data: "CountingData") -> "dict[str, Setting]":
    own = data.own
    short = own._replace(length=max(2 * own.regions, round(SHORT * own.length)))
    changed = {"id": own, "short": short, "fewer": own._replace(regions=own.regions - 1)}
    return {name: setting for name, setting in changed.items() if setting.regions > 0}


def _add(report: Report, points: list[Point]) -> None:
    """Add figures, table and orderings."""
    report.add_metrics(
        {f"{p.name}/top1/{p.arm.name}/seed{p.seed}.region{p.region}": p.exact for p in points}
    )
    found: dict[str, dict[Arm, list[float]]] = {name: {} for name in SETS}
    for point in points:
        found[point.name].setdefault(point.arm, []).append(point.exact)
    chance = {name: max((p.chance for p in points if p.name == name), default=0) for name in SETS}
    for name, title in SETS.items():
        if found[name]:
            report.add_figure(
                f"Exact counts, {title}",
                figures.strips(found[name], PUBLISHED[name], chance[name]),
                "One dot per region and seed; crosses and bars: median and best point of the "
                f"paper's figure. Dashed: the best constant answer, {percent(chance[name], 1)}.",
            )
    ours = {
        name: {arm: spread(values) for arm, values in known.items()}
        for name, known in found.items()
    }
    _add_claims(report, ours, max(p.chance for p in points if p.name == "id"))
    _add_table(report, ours)


def _add_claims(report: Report, ours: Found, chance: float) -> None:
    rows: list[list[Cell]] = []
    agreed = []
    for claim in CLAIMS:
        sides, theirs = claim.sides(ours), claim.sides(PUBLISHED)
        assert theirs is not None
        row: list[Cell] = [f"{claim.text} ({SETS[claim.name]}, {claim.by})"]
        row += [" > ".join(percent(side, 1) for side in theirs)]
        if sides is None:
            rows.append([*row, None, "not run"])
            continue
        agreed.append(sides[0] > sides[1])
        sign = ">" if agreed[-1] else "<="
        row.append(f"{percent(sides[0], 1)} {sign} {percent(sides[1], 1)}")
        rows.append([*row, "yes" if agreed[-1] else "no"])
    best = max((s.best for arm, s in ours["id"].items() if _is_invariant(arm)), default=None)
    if best is not None:
        agreed.append(best < chance + 0.02)  # 0.3 % are one standard deviation of 4000 sequences
        text = "non-causal without positions is at chance (proposition 2.3)"
        row = [text, "3.5 %", f"{percent(best, 1)}; chance {percent(chance, 1)}"]
        rows.append([*row, "yes" if agreed[-1] else "no"])
    report.add_result("orderings of the paper that are found again", f"{sum(agreed)}/{len(agreed)}")
    report.add_table(
        "Orderings of the paper's figures", ["Ordering", "paper", "here", "found again"], rows
    )


def _is_invariant(arm: Arm) -> bool:
    return not arm.causal and arm.positions == "none"


def _add_table(report: Report, ours: Found) -> None:
    rows: list[list[Cell]] = []
    for arm in [arm for arm in GRID if arm in ours["id"]]:
        row: list[Cell] = [arm.name]
        for name in SETS:
            for known in (ours[name].get(arm), PUBLISHED[name].get(arm)):
                best, middle = known or (None, None)
                row.append(
                    " / ".join("-" if v is None else f"{100 * v:.1f}" for v in (best, middle))
                )
        rows.append(row)
    columns = [f"{name}, {whose}" for name in SETS for whose in ("here", "paper")]
    report.add_table(
        "Best and median point of each arm (% exact)",
        ["Arm", *columns],
        rows,
        "bare: without a beginning token; full: non-causal.",
    )


def _write_points(path: Path, points: list[Point]) -> None:
    """One row per region and seed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["arm", "seed", "set", "region", "exact", "chance"])
    writer.writerows([p.arm.name, *p[1:4], f"{p.exact:.5f}", f"{p.chance:.5f}"] for p in points)
    write_atomically(path, lambda beside: beside.write_text(text.getvalue()))
