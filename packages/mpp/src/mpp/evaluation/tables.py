"""Tables of errors: model, persistence and linear extrapolation side by side."""

from collections.abc import Sequence

from mpp.evaluation.comparison import METHODS, TRUTH, Comparison, spans
from mpp.evaluation.field_maps import label
from mpp.metrics import BANDS
from sciformer.evaluation.comparison import MODEL
from sciformer.report.html import Cell, number
from sciformer.report.report import Report
from sciformer.text import counted

NAMES = {"nrmse": "NRMSE", "vrmse": "VRMSE"}
HEADS = ("model", "persistence", "linear")
NOTE = (
    "NRMSE: root mean square error over the root mean square of the true frame; VRMSE: over its "
    "standard deviation. Means over {windows}."
)


def add_results(report: Report, systems: Sequence[Comparison]) -> None:
    """Add the headline numbers: VRMSE at one step and over all steps, with the best baseline."""
    for compared in systems:
        for span, steps in _ends(compared).items():
            name, error = compared.best_baseline("vrmse", steps)
            value = float(compared.over("vrmse", MODEL, steps).mean())
            where = f"{label(compared.name)}, VRMSE at {_words(span)}"
            report.add_result(where, value, f"{number(error)} ({label(name)})")
    count = sum(len(compared.description.names) for compared in systems)
    for place, when in enumerate(("at one step", "over all steps")):
        ends = [list(_ends(compared).values())[-place] for compared in systems]
        won = sum(one.beaten(steps) for one, steps in zip(systems, ends, strict=True))
        report.add_result(
            f"fields predicted better than by persistence and by extrapolation, {when}",
            f"{won} of {count}",
        )


def add_tables(report: Report, compared: Comparison) -> None:
    """Add errors of one system by field, by step, and by wave number."""
    add_fields(report, compared)
    if compared.steps > 1:
        add_steps(report, compared)
    report.add_table(
        f"{label(compared.name)}: error by wave number, and drift",
        *_by_band(compared),
        "NRMSE of the low, middle and high wave numbers alone (The Well's three bands). Drift: by "
        "how much the mean of a conserved field goes away, in units of its root mean square; in "
        "brackets that of the truth itself.",
    )


def add_solvers(report: Report, compared: Comparison, trained_s: float | None) -> None:
    """Add errors and cost beside those of the system's solver on coarser grids, if it has one.

    Args:
        report: Report to add to.
        compared: Errors of one system.
        trained_s: CPU-seconds of the training; None if unknown.
    """
    ends = _ends(compared)
    solvers = [method for method in compared.cost if method != MODEL]
    if not solvers:
        return
    rows: list[list[Cell]] = []
    for method in (MODEL, *solvers):
        errors = [
            float(compared.over(metric, method, steps).mean())
            for steps in ends.values()
            for metric in NAMES
        ]
        rows.append([label(method), *errors, compared.cost[method]])
    heads = [f"{_words(span)}: {name}" for span in ends for name in NAMES.values()]
    report.add_table(
        f"{label(compared.name)}: the classical solver on a coarser grid",
        ["Method", *heads, "CPU-ms per frame"],
        rows,
        "The solver that made the data, started from the last true frame on fewer points; it knows "
        "the equations and their parameters. In the mean over fields. "
        + _break_even(compared, solvers, trained_s),
    )


def _break_even(compared: Comparison, solvers: Sequence[str], trained_s: float | None) -> str:
    """After how many frames a training has paid, beside the cheapest solver of no larger error."""
    steps = slice(0, compared.steps)
    error, cost = float(compared.over("vrmse", MODEL, steps).mean()), compared.cost
    as_good = [one for one in solvers if compared.over("vrmse", one, steps).mean() <= error]
    if not as_good:
        return "No coarser grid here is as accurate as the network over all steps."
    cheapest = min(as_good, key=cost.__getitem__)
    saved = cost[cheapest] - cost[MODEL]
    if saved <= 0:
        return (
            f"The {label(cheapest)} is at least as accurate over all steps and cheaper: "
            "no number of frames pays for the training."
        )
    paid = "" if trained_s is None else f", {1e3 * trained_s / saved:.0f} frames pay for training"
    return f"The {label(cheapest)} is as accurate and {saved:.2g} ms per frame dearer{paid}."


def add_fields(report: Report, compared: Comparison) -> None:
    """Add errors by field, at one step and over all steps."""
    note = NOTE.format(windows=counted(compared.windows, "window"))
    report.add_table(f"{label(compared.name)}: errors by field", *_by_field(compared), note)


def add_steps(report: Report, compared: Comparison) -> None:
    """Add errors by step, averaged over fields."""
    rows: list[list[Cell]] = []
    for step in range(compared.steps):
        row: list[Cell] = [f"step {step + 1}"]
        for metric in NAMES:
            row += [float(compared.errors[metric][method][step].mean()) for method in METHODS]
        rows.append(row)
    heads = [f"{name}, {head}" for name in NAMES.values() for head in HEADS]
    note = "In the mean over fields. " + NOTE.format(windows=counted(compared.windows, "window"))
    report.add_table(f"{label(compared.name)}: errors by step", ["Step", *heads], rows, note)


def _ends(compared: Comparison) -> dict[str, slice]:
    """Spans of one step and of all steps."""
    found = spans(compared.steps)
    return {span: found[span] for span in dict.fromkeys((next(iter(found)), list(found)[-1]))}


def _words(span: str) -> str:
    """Readable form of ``steps1to5``."""
    return span.replace("steps1to", "steps 1 to ").replace("step1", "step 1")


def _by_field(compared: Comparison) -> tuple[list[str], list[list[Cell]]]:
    ends = _ends(compared)
    rows: list[list[Cell]] = []
    for field, name in enumerate(compared.description.names):
        for metric, title in NAMES.items():
            row: list[Cell] = [f"{label(name)}, {title}"]
            for steps in ends.values():
                row += [float(compared.over(metric, method, steps)[field]) for method in METHODS]
            rows.append(row)
    heads = [f"{_words(span)}: {head}" for span in ends for head in HEADS]
    return ["Field", *heads], rows


def _by_band(compared: Comparison) -> tuple[list[str], list[list[Cell]]]:
    ends = _ends(compared)
    rows: list[list[Cell]] = []
    for field, name in enumerate(compared.description.names):
        row: list[Cell] = [label(name)]
        for steps in ends.values():
            for band in BANDS:
                row.append(float(compared.over(f"spectral_{band}", MODEL, steps)[field]))
        row.append(
            _drift(compared, field) if field in compared.conserved else "not known to be conserved"
        )
        rows.append(row)
    heads = [f"{_words(span)}: {band}" for span in ends for band in BANDS]
    return ["Field", *heads, f"drift at step {compared.steps}"], rows


def _drift(compared: Comparison, field: int) -> str:
    own, true = (compared.errors["drift"][method][-1, field] for method in (MODEL, TRUTH))
    return f"{own:.2g} ({true:.2g})"
