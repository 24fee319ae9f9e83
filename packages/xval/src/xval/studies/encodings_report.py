"""Tables and figures that compare number encodings."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from sciformer.evaluation.comparison import MODEL
from sciformer.report.figures import BASELINE, PALETTE, add_legend
from sciformer.report.html import Cell
from sciformer.report.report import Report
from sciformer.studies.summary import mean_and_range
from xval.encodings.encoding import Encoding
from xval.evaluation.comparison import Comparison, label, written
from xval.evaluation.figures import THROUGH, UNIT, Through, panels, sweep
from xval.evaluation.tables import METHODS, said, title
from xval.metrics import Scores

XVAL = "xval"
SAMPLES, TIME, CONVERGED = "samples", "time", "converged"
ARMS = {SAMPLES: "equal samples", TIME: "equal CPU time", CONVERGED: "until no better"}
MARKS = {SAMPLES: "o", TIME: "s", CONVERGED: "^"}
AS_GOOD = 1.1  # times xVal's error at most
SHOWN = {
    "r2": "R2",
    "mae": "MAE",
    "median_relative": "median error",
    "p99_relative": "99 % error",
    "within_1_percent": "within 1 %",
    "unparsable": "no number",
}
SERIES = ("r2", "mae", "unparsable")  # where an error in units says more than a relative one
NOTE = (
    "Median, 99 % and within 1 %: of relative errors, in the mean over seeds. An answer that is no "
    "number counts as 0."
)
LIMITS = (
    "Training: CPU time of its steps, validations apart. Until no better: until validation has not "
    "improved three times, and a fifth of the training more, in which the rate falls; else to the "
    "limit of time."
)


class Rival(NamedTuple):
    """An encoding trained in one arm, with several seeds.

    Args:
        encoding: Name of the encoding.
        arm: Name of the arm.
        answers: For each seed, predictions on every set.
        parameters: Number of parameters of the network, including embeddings and heads.
        cpu_s: CPU time of the training steps, by seed.
        texts: Number of texts processed, by seed.
        itself: Whether training stopped because validation no longer improved, by seed.
    """

    encoding: str
    arm: str
    answers: list[list[Comparison]]
    parameters: int
    cpu_s: list[float]
    texts: list[int]
    itself: list[bool]

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"{self.encoding}, {ARMS[self.arm]}"

    def scores(self, name: str, field: str, method: str = MODEL) -> list[Scores]:
        """Metrics of a field of a set, by seed."""
        sets = [each for answers in self.answers for each in answers if each.name == name]
        return [compared.scores(field, method) for compared in sets]

    def mean(self, name: str, field: str, metric: str) -> float:
        """Mean of a metric over seeds."""
        return float(np.mean([getattr(scores, metric) for scores in self.scores(name, field)]))


def add_rivals(report: Report, rivals: Sequence[Rival]) -> None:
    """Add all tables and figures; xVal comes first."""
    sets = rivals[0].answers[0]
    for compared in sets:
        for field in compared.found:
            _add_result(report, rivals, compared, field)
            _add_table(report, rivals, compared, field)
    _add_cost(report, rivals)
    _add_errors(report, rivals)


def add_gaps(report: Report, rivals: Sequence[Rival], gaps: Sequence[Sequence[Through]]) -> None:
    """Compare predictions in and around gaps; ``gaps`` are from the first seed of each rival."""
    for number, through in enumerate(gaps[0]):
        _add_gap_table(report, rivals, through)
        last = {rival.encoding: each[number] for rival, each in zip(rivals, gaps, strict=True)}
        name = label(through.field)
        with panels(len(last), 2.4) as (drawn, every):
            for axes, (encoding, shown) in zip(every, last.items(), strict=True):
                sweep(axes, shown)
                axes.set(title=encoding, xlabel=f"true {name} {UNIT}")
            every[0].set_ylabel(f"predicted {name} {UNIT}")
            add_legend(drawn, 3, marks=3)
        arm = ARMS[rivals[-1].arm]
        caption = f"{THROUGH} One seed; xVal as configured, the text codes at: {arm}."
        report.add_figure(f"{title(through.outside.name)} of {name}", drawn, caption)


def _add_result(report: Report, rivals: Sequence[Rival], compared: Comparison, field: str) -> None:
    """Add xVal's error, and the smallest error of the others."""
    metric, words = ("mae", "mean absolute error") if compared.is_series else ("mse", "MSE")
    own, *others = [(rival.mean(compared.name, field, metric), rival) for rival in rivals]
    best_of = ""
    if others:
        error, best = min(others, key=lambda pair: pair[0])
        best_of = f"{error:.3g} ({best.name})"
    report.add_result(f"{title(compared.name)}: {label(field)}, {words} of xVal", own[0], best_of)


def _add_table(report: Report, rivals: Sequence[Rival], compared: Comparison, field: str) -> None:
    shown = [name for name in SHOWN if (name in SERIES if compared.is_series else name != "mae")]
    rows: list[list[Cell]] = []

    def add(name: str, each: Sequence[Scores], end: str) -> None:
        means = {metric: np.mean([getattr(s, metric) for s in each]) for metric in Scores._fields}
        start = f"{compared.name}/{{}}/{written(field)}/{end}"
        report.add_metrics({start.format(metric): mean for metric, mean in means.items()})
        mse = mean_and_range([scores.mse for scores in each], ".3g")
        rows.append([name, mse, *(said(metric, float(means[metric])) for metric in shown)])

    for rival in rivals:
        add(rival.name, rival.scores(compared.name, field), f"{rival.encoding}/{rival.arm}")
    for method in compared.methods(field):
        if method != MODEL:
            each = rivals[0].scores(compared.name, field, method)
            add(METHODS[method], each, f"baseline_{method}")
    columns = ("Encoding", "MSE", *(SHOWN[metric] for metric in shown))
    report.add_table(f"{title(compared.name)}: {label(field)}", columns, rows, NOTE)


def _add_cost(report: Report, rivals: Sequence[Rival]) -> None:
    rows: list[list[Cell]] = []
    for rival in rivals:
        one = rival.answers[0]
        answers = sum(len(compared.truth) for sets in rival.answers for compared in sets)
        seconds = sum(compared.cpu_s for sets in rival.answers for compared in sets)
        key = f"{rival.encoding}/{rival.arm}"
        report.add_metrics(
            {
                f"study/training_cpu_s/{key}": np.mean(rival.cpu_s),
                f"study/texts_seen/{key}": np.mean(rival.texts),
                f"study/answering_cpu_s/{key}": 1000 * seconds / answers,
                f"study/stopped_by_itself/{key}": np.mean(rival.itself),
            }
        )
        ended = f"{sum(rival.itself)} of {len(rival.itself)}" if rival.arm == CONVERGED else "-"
        rows.append(
            [
                rival.name,
                str(Encoding(rival.encoding).length),
                f"{rival.parameters:,}",
                f"{one[0].tokens:.4g}",
                f"{np.mean(rival.texts):,.0f}",
                f"{np.mean(rival.cpu_s):.1f}",
                ended,
                f"{1000 * seconds / answers:.3f}",
            ]
        )
    columns = (
        "Encoding",
        "tokens per number",
        "parameters",
        "tokens per text",
        "texts seen",
        "training (CPU-s)",
        "stopped by itself",
        "1000 answers (CPU-s)",
    )
    report.add_table("What it costs", columns, rows, LIMITS)


def _add_gap_table(report: Report, rivals: Sequence[Rival], through: Through) -> None:
    inside, outside, field = through.inside.name, through.outside.name, through.field
    beside, within = (rivals[0].mean(name, field, "mse") for name in (inside, outside))
    rows: list[list[Cell]] = []
    for rival in rivals:
        near, far = (rival.mean(name, field, "mse") for name in (inside, outside))
        good = "yes" if near <= AS_GOOD * beside else "no"
        rows.append([rival.name, near, good, far, f"{far / within:.2f}"])
    columns = (
        "Encoding",
        "MSE beside the gap",
        "as good as xVal there",
        "MSE in the gap",
        "times xVal's",
    )
    note = f"As good: at most {AS_GOOD} times xVal's error, in the mean over seeds."
    report.add_table(
        f"{title(outside)} of {label(field)}: beside it and in it", columns, rows, note
    )


def _add_errors(report: Report, rivals: Sequence[Rival]) -> None:
    """Error against CPU time."""
    every = [(compared, field) for compared in rivals[0].answers[0] for field in compared.found]
    colors = dict(zip(dict.fromkeys(rival.encoding for rival in rivals), PALETTE, strict=False))
    with panels(len(every), 2.6) as (drawn, shown):
        for axes, (compared, field) in zip(shown, every, strict=True):
            for rival in rivals:
                errors = [scores.mse for scores in rival.scores(compared.name, field)]
                mark, color = MARKS[rival.arm], colors[rival.encoding]
                axes.plot(rival.cpu_s, errors, mark, color=color, markersize=5, label=rival.name)
            best = min(
                scores.mse
                for method in compared.methods(field)
                if method != MODEL
                for scores in rivals[0].scores(compared.name, field, method)
            )
            axes.axhline(
                best, color=BASELINE, linewidth=1, linestyle="--", label="best without a network"
            )
            axes.set(title=f"{title(compared.name)}: {label(field)}", xscale="log", yscale="log")
            axes.set_xlabel("training (CPU-s)")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        shown[0].set_ylabel("MSE (unit of the text, squared)")
        add_legend(drawn, 3, "outside lower center")
    caption = "Each mark is a network."
    report.add_figure("Error and CPU time", drawn, caption)
