"""The report of a study: cost, means over seeds, and test results that are kept beside each run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sciformer.files import up_to_date, write_atomically
from sciformer.report.html import duration
from sciformer.report.report import Report
from sciformer.strict_json import read_json, to_json
from sciformer.studies.runner import Study

Result = TypeVar("Result")
Metrics = Mapping[str, Mapping[str, Any]]  # of each run, as ``Study.fit`` gives them


@contextmanager
def study_report(
    study: Study, verb: str, config: str, seeds: int, found: Metrics, title: str
) -> Iterator[Report]:
    """Fill the report of a study, then write it, show its tables, and print its cost and path.

    Args:
        study: The study.
        verb: The command that ran it.
        config: Path of its configuration.
        seeds: Number of seeds.
        found: The metrics of each run.
        title: Title of the page.

    Yields:
        The report: number of trainings and their CPU time are in its summary and its metrics.
    """
    spent = cost(found)
    command = f"{study.package.replace('_', '-')} {verb} --config {config} --seeds {seeds}"
    summary = f"{len(found)} trainings, {duration(spent)} of CPU time. "
    report = Report(title, {"command": command, "config": config}, summary)
    report.add_metrics({"study/cpu_s": spent, "study/runs": len(found)})
    yield report
    report.publish(study.out, note=f"{duration(spent)} of CPU time; ")


def cost(found: Metrics) -> float:
    """CPU-seconds of the trainings of a study.

    Args:
        found: The metrics of each run.

    Returns:
        Their sum.
    """
    return sum(metrics["run"]["cpu_s"] for metrics in found.values())


def mean_and_range(values: Sequence[float], form: str = ".4f") -> str:
    """``mean (lowest to highest)`` of a metric over seeds; the mean alone if all are equal.

    Args:
        values: One of each seed.
        form: Format of each number.

    Returns:
        A cell of a table.
    """
    mean, low, high = (format(float(f(values)), form) for f in (np.mean, min, max))
    return mean if low == high else f"{mean} ({low} to {high})"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a table of names and values as JSON."""
    path.write_text(to_json(content), encoding="utf-8")


def kept_results(
    checkpoint: Path,
    ending: str,
    measure: Callable[[], Result],
    write: Callable[[Path, Any], object] = write_json,
    read: Callable[[Path], Result] = read_json,
) -> Result:
    """Test results of a run of a study: measured once, then read from a file beside the checkpoint.

    Args:
        checkpoint: The file that is measured; a newer one is measured again.
        ending: End of the file's name, after ``test-<checkpoint>``.
        measure: Measures the run.
        write: Writes the results to a path.
        read: Reads them.

    Returns:
        The results as they are read.
    """
    path = checkpoint.with_name(f"test-{checkpoint.stem}{ending}")
    if not up_to_date(path, checkpoint):
        results = measure()
        write_atomically(path, lambda beside: write(beside, results))
    return read(path)
