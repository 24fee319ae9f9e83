"""Report of a study: cost, means over seeds, and cached test results of each run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sciformer.files import up_to_date, write_atomically
from sciformer.progress import progress
from sciformer.report.html import duration
from sciformer.report.origin import origin
from sciformer.report.report import Report
from sciformer.strict_json import read_json, to_json
from sciformer.studies.runner import Study
from sciformer.text import counted

Result = TypeVar("Result")
Metrics = Mapping[str, Mapping[str, Any]]  # of each run, as ``Study.fit`` gives them


@contextmanager
def study_report(
    study: Study, config: str, found: Metrics, title: str, about: str
) -> Iterator[Report]:
    """Fill the report of a study, then write it, show its tables, and print cost and path.

    Args:
        study: The study.
        config: Path of its configuration.
        found: Metrics of each run.
        title: Title of the page.
        about: What was trained, and on what.

    Yields:
        A report with number of trainings and CPU time.
    """
    spent = cost(found)
    summary = f"{counted(len(found), 'training')}, {duration(spent)} of CPU time. {about}"
    report = Report(title, {**origin(), "config": config}, summary)
    report.add_metrics({"study/cpu_s": spent, "study/runs": len(found)})
    yield report
    report.publish(study.out, note=f"{duration(spent)} of CPU time; ")


def cost(found: Metrics) -> float:
    """CPU time of all trainings of a study, in seconds.

    Args:
        found: Metrics of each run.

    Returns:
        Sum over runs.
    """
    return sum(metrics["run"]["cpu_s"] for metrics in found.values())


def mean_and_range(values: Sequence[float], form: str = ".4f") -> str:
    """``mean (lowest to highest)`` of a metric over seeds; the mean alone if all are equal.

    Args:
        values: Values, one per seed.
        form: Format of each number.

    Returns:
        Text of a table cell.
    """
    mean, low, high = (format(float(f(values)), form) for f in (np.mean, min, max))
    return mean if low == high else f"{mean} ({low} to {high})"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a dictionary as JSON."""
    path.write_text(to_json(content), encoding="utf-8")


def kept_results(
    checkpoint: Path,
    ending: str,
    measure: Callable[[], Result],
    write: Callable[[Path, Any], object] = write_json,
    read: Callable[[Path], Result] = read_json,
) -> Result:
    """Test results of a run, computed once and then cached in a file next to the checkpoint.

    Args:
        checkpoint: Checkpoint to evaluate; a newer one is evaluated again.
        ending: Suffix of the file name, after ``test-<checkpoint>``.
        measure: Function that evaluates the run.
        write: Function that writes the results to a path.
        read: Function that reads them.

    Returns:
        The results.
    """
    path = checkpoint.with_name(f"test-{checkpoint.stem}{ending}")
    if not up_to_date(path, checkpoint):
        with progress(f"measuring {path.parent.name}"):
            results = measure()
        write_atomically(path, lambda beside: write(beside, results))
    return read(path)
