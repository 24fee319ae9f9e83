"""Tables of an evaluation: metrics with baselines, and cost."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sciformer.evaluation.comparison import MODEL
from sciformer.report.html import Cell, number, percent
from sciformer.report.report import Report
from sciformer.text import counted
from xval.evaluation.comparison import Comparison, label
from xval.evaluation.probabilities import Calibration
from xval.metrics import Scores

if TYPE_CHECKING:
    from xval.module import XValModule

METHODS = {
    MODEL: "model",
    "mean": "mean of the training",
    "linear": "linear regression",
    "boosting": "gradient boosting",
    "quantile_boosting": "quantile boosting",
    "persistence": "persistence",
    "climatology": "climatology",
    "normals": "normals of the text",
}
COLUMNS = ("R2", "MSE", "MAE", "median error", "99 % error", "within 1 %", "no number")
SHARES = ("median_relative", "p99_relative", "within_1_percent", "unparsable")
NOTE = (
    "{answers} in {texts}. Median, 99 % and within 1 %: of relative errors. An "
    "answer that is no number counts as 0."
)
LEFT_OUT = "{field}: left out, as it has no answer to some of them: {methods}."
HELD = ("90 % interval holds", "width", "CRPS")
INTERVALS = (
    "Split conformal intervals, from the validation texts: the truth of texts like these is inside "
    "in 90 % of cases. Width and CRPS (continuous ranked probability score of ten quantiles, "
    "smaller is better) are in units of the text. A method without quantiles of its own has those "
    "of its errors on the validation texts."
)
WORD_COLUMNS = (
    "Set",
    "hidden words",
    "right",
    "calibration error",
    "calibrated",
    "temperature",
    "cross-entropy (nats)",
)
WORDS = (
    "Hidden words and classes, token by token. Calibration error: mean distance between the "
    "probability of the most likely token and how often it is right, in 15 bins. Calibrated: "
    "with the temperature that fits the validation texts."
)
SIZES = (
    "log-sMAPE: how many of 15 digits are right, as a share, in the mean. R2 of log size: of the "
    "logarithm of the absolute value, of numbers that are not zero."
)
DECADES = 1e4  # times: numbers of such different sizes are judged by their logarithms too
OUTSIDE = "/ood"


def title(name: str) -> str:
    """Readable name of a set."""
    return f"{name.removesuffix(OUTSIDE)}, in the gap" if name.endswith(OUTSIDE) else name


def add_results(report: Report, sets: Sequence[Comparison]) -> None:
    """Add the headline numbers, each with the best baseline."""
    for compared in sets:
        for field in compared.found:
            shown = {"mse": "mean squared error", "p99_relative": "99 % of relative errors below"}
            if compared.is_series:
                shown = {"mae": "mean absolute error"}
            for metric, words in shown.items():
                name, error = compared.best_baseline(field, metric)
                report.add_result(
                    f"{title(compared.name)}: {label(field)}, {words}",
                    said(metric, getattr(compared.scores(field), metric)),
                    f"{said(metric, error)} ({METHODS.get(name, name)})",
                )


def add_table(report: Report, compared: Comparison) -> None:
    """Add all metrics of a set."""
    rows, sizes, out, held = [], [], [], []
    for field in compared.found:
        spread = np.abs(compared.of(field, MODEL)[0])
        wide = spread.max() > DECADES * spread[spread > 0].min(initial=np.inf)
        methods = compared.methods(field)
        left = [METHODS[name] for name in compared.answers if name not in methods]
        if left:
            out.append(LEFT_OUT.format(field=label(field), methods=", ".join(left)))
        for method in methods:
            name, found = f"{label(field)}: {METHODS[method]}", compared.scores(field, method)
            rows.append([name, *cells(found)])
            if (inside := compared.coverage(field, method)) is not None:
                held.append([name, percent(inside.coverage), inside.width, inside.crps])
            if wide:
                sizes.append([name, f"{found.log_smape:.4f}", said("r2", found.log_r2)])
    answers, texts = counted(len(compared.truth), "answer"), counted(compared.texts, "text")
    note = " ".join([NOTE.format(answers=answers, texts=texts), *out])
    report.add_table(f"{title(compared.name)}: answers", ("Answer", *COLUMNS), rows, note)
    if held:
        columns = ("Answer", *HELD)
        report.add_table(f"{title(compared.name)}: 90 % intervals", columns, held, INTERVALS)
    if sizes:
        columns = ("Answer", "log-sMAPE", "R2 of log size")
        report.add_table(f"{title(compared.name)}: digits and sizes", columns, sizes, SIZES)


def add_words(report: Report, found: Mapping[str, Calibration]) -> None:
    """Add how far probabilities of hidden words can be trusted, by set."""
    rows: list[list[Cell]] = []
    for name, each in found.items():
        report.add_metrics({f"{name}/{key}": value for key, value in each._asdict().items()})
        shares = each.word_accuracy, each.word_error, each.word_error_calibrated
        told = [percent(share) for share in shares]
        rows.append([title(name), f"{each.words:,.0f}", *told, each.temperature, each.word_loss])
    if rows:
        report.add_table("Probabilities of words", WORD_COLUMNS, rows, WORDS)


def add_cost(
    report: Report, sets: Sequence[Comparison], module: "XValModule", cpu_s: float | None
) -> None:
    """Add tokens and CPU time."""
    code = module.code
    parameters = sum(parameter.numel() for parameter in module.parameters())
    rows: list[list[Cell]] = [
        [
            title(compared.name),
            code.name,
            code.length,
            f"{compared.tokens:.4g}",
            f"{parameters:,}",
            cpu_s,
            1000 * compared.cpu_s / len(compared.truth),
        ]
        for compared in sets
    ]
    columns = (
        "Set",
        "encoding",
        "tokens per number",
        "tokens per text",
        "parameters",
        "training (CPU-s)",
        "1000 answers (CPU-s)",
    )
    note = "All numbers that a batch asks for are answered at once" + (
        "."
        if code.length == 1
        else f", in {counted(code.length, 'pass', 'passes')}, one for each token of a number."
    )
    report.add_table("What it costs", columns, rows, note)


def cells(scores: Scores) -> list[Cell]:
    """Metrics in the order of ``COLUMNS``."""
    return [
        said("r2", scores.r2),
        scores.mse,
        scores.mae,
        *(said(metric, getattr(scores, metric)) for metric in SHARES),
    ]


def said(metric: str, value: float) -> str:
    """Format a metric for a table."""
    if metric in SHARES:
        return percent(value)
    return number(value)
