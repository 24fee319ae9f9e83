"""Reports: tables and figures, the page of a run, and that of several."""

import numpy as np
from case import Call, Case, Pass
from files import own
from parts import CORE

ROWS = [[f"line {n}", n, n / 7, n * 1e5] for n in range(40)]
COLUMNS = ["line", "count", "share", "mass (kg)"]


def drawn():
    """A plot with a line and points."""
    with CORE.figure() as figure:
        axes, x = figure.subplots(), np.linspace(0, 6, 200)
        axes.plot(x, np.sin(x))
        axes.plot(x[::9], np.cos(x[::9]), "o")
        axes.set(xticks=[0, 3, 6], yticks=[-1, 1])
    return figure


def drawing(kind: Pass) -> Call:
    figure, draw = drawn(), CORE.draw
    return lambda: draw(figure)


def filled():
    found = CORE.Report("Bench", {"command": "bench", "settings": {"a": {"b": [1, 2]}}, "seed": 0})
    found.add_metrics({f"test/error/{n}": n / 7 for n in range(40)})
    found.add_result("Error", 0.25, 0.5)
    for n in range(4):
        found.add_table(f"Table {n}", COLUMNS, ROWS)
    return found


def page(kind: Pass) -> Call:
    folder = own()
    return lambda: filled().write(folder)


def joining(kind: Pass) -> Call:
    folder, join, done = own(), CORE.join, CORE.Done
    parts = []
    for name in ("a", "b", "c"):
        filled().write(folder / name)
        parts.append(done(name, folder / name))
    return lambda: join("All", parts, folder)


CASES = {
    "report figure": Case(drawing, memory=()),
    "report page": Case(page),
    "report of several": Case(joining),
}
