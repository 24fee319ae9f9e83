"""``contextual-counting foretell``: predicted failures of many networks, summed."""

from fnmatch import fnmatch
from pathlib import Path

import torch

from contextual_counting.analysis.attribution import attribute
from contextual_counting.analysis.bias_report import SOLVED, Tally, judge, tally
from contextual_counting.analysis.trained_network import Case
from contextual_counting.evaluation.predictions import open_with_data
from sciformer.arguments import ArgumentError, check_least
from sciformer.progress import track
from sciformer.report.html import Cell, percent
from sciformer.report.origin import origin
from sciformer.report.report import Report, report_folder


def foretell(
    paths: list[str] | str,
    match: str = "*",
    out: str = "runs/contextual_counting/foretell",
    samples: int = 500,
    threads: int = 1,
    overwrite: bool = False,
) -> None:
    """Predict on which sets each of many networks fails, measure it, and add up who was right.

    Of every region that counts on its run's own distribution: does it count on the other sets of
    ``analyze``? Predicted from the tokens that its count is compared with. The table has one line
    for each network and one for all.

    Args:
        paths: A checkpoint, a run folder, a folder of runs such as a study's, or a list of these as
            ``[a,b]``.
        match: Pattern of the runs to take from folders of runs, such as ``causal-none-*``.
        out: Output folder of ``metrics.json`` and ``index.html``.
        samples: Sequences per set.
        threads: CPU threads.
        overwrite: Replace an existing report.

    Raises:
        ValueError: If there is no run, or one is of another project.
    """
    check_least(samples=(samples, 1), threads=(threads, 1))
    runs = [
        run for path in ([paths] if isinstance(paths, str) else paths) for run in found(path, match)
    ]
    if not runs:
        raise ArgumentError("paths", f"no run of {paths} matches {match!r}")
    folder = report_folder(out, overwrite)
    torch.set_num_threads(threads)
    tallies = {}
    for name, path in track(runs, "networks", len(runs)):
        run, data = open_with_data(path)
        case = Case(run.module, data, samples)
        attribution = attribute(case.model, case.own().tokens, case.regions)
        tallies[name] = tally(judge(case, attribution))
    report = Report(
        "Failures foretold", origin(), f"{len(runs)} networks, {samples} sequences per set."
    )
    total = Tally(*(sum(column) for column in zip(*tallies.values(), strict=True)))
    report.add_result("right for", str(total) or None)
    report.add_result("balanced accuracy", percent(total.balanced, 1))
    report.add_metrics({f"foretold/{name}": value for name, value in total._asdict().items()})
    report.add_metrics({"foretold/balanced_accuracy": total.balanced})
    rows: list[list[Cell]] = [
        [name, f"{t.right_passing} of {t.passing}", f"{t.right_failing} of {t.failing}"]
        for name, t in (tallies | {"all": total}).items()
    ]
    report.add_table(
        "Predictions that are right",
        ["Network", "of those that count", "of those that fail"],
        rows,
        f"One region and set at a time. Counts: at least {percent(SOLVED, 0)} exact.",
    )
    report.publish(folder)


def found(path: str, match: str) -> list[tuple[str, Path]]:
    """Names and paths of a run, or of the runs in a folder that match a pattern."""
    folder = Path(path)
    if not folder.is_dir() or any(folder.glob("*.ckpt")):
        return [(path, folder)]
    inside = sorted({checkpoint.parent for checkpoint in folder.rglob("*.ckpt")})
    names = {each: each.relative_to(folder).as_posix() for each in inside}
    return [(str(each), each) for each, name in names.items() if fnmatch(name, f"{match}*")]
