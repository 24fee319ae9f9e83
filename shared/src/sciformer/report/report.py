"""Report of one run: tables and figures, written to ``metrics.json`` and one HTML page."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from numbers import Integral
from pathlib import Path
from typing import Any, SupportsFloat

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table as RichTable

from sciformer.files import new_folder, write_atomically
from sciformer.report import html
from sciformer.report.alternative import described
from sciformer.report.figures import draw
from sciformer.report.html import Cell, Film, Table
from sciformer.report.terminal import literal, terminal
from sciformer.strict_json import to_json

STRANGE = re.compile(r"[^A-Za-z0-9_.+-]+")  # what a key of metrics.json has no room for


class Report:
    """Metrics, tables and figures of a run, which are collected and then written.

    Figures are drawn when added, so that an error in one leaves an existing report unchanged.

    Args:
        title: Title of the report.
        run: Record of the training (``checkpoint.run_record``): ``command``, ``config`` (path),
            ``settings`` (content), ``seed``, ``versions``, ``cpu_s``, ``wall_s``, ``peak_gib``; all
            are optional, and further entries are shown too.
        summary: One or two sentences below the title.
    """

    def __init__(self, title: str, run: Mapping[str, Any], summary: str = "") -> None:
        self.title = title
        self.run = dict(run)
        self.summary = summary
        self.metrics: dict[str, int | float] = {}
        self.named: set[str] = set()
        self.results: list[dict[str, str]] = []
        self.tables: list[Table] = []
        self.sections: list[str] = []
        self.looks: list[str] = []

    def add_result(self, name: str, value: Cell, baseline: Cell = "") -> None:
        """Add a headline number, which comes first and is listed on a combined page.

        Args:
            name: Metric and data set, with the unit.
            value: Value; a string is shown as it is.
            baseline: Value without the model, and the method that gives it.
        """
        written = {"value": html.number(value), "baseline": html.number(baseline)}
        self.results.append({"name": name, **written})

    def add_metrics(self, metrics: Mapping[str, SupportsFloat]) -> None:
        """Add numbers to ``metrics.json`` as ``<set>/<metric>[/<part>]``.

        Args:
            metrics: Numbers by key. In names, characters other than letters, digits and ``_.+-``
                become ``_``; keys that are then equal get a number. Values that are not finite are
                written as ``null``, as JSON has no NaN or infinity.

        Raises:
            ValueError: For a key of another form, or one that exists already.
        """
        for name in metrics:
            if "/" not in name:
                raise ValueError(f"metric {name!r} is not of the form <set>/<metric>[/<part>]")
            if name in self.named:
                raise ValueError(f"metric {name!r} was added before")
        for name, value in metrics.items():
            self.named.add(name)
            self.metrics[self._key(name)] = (
                int(value) if isinstance(value, Integral) else float(value)
            )

    def _key(self, name: str) -> str:
        """Key of a metric in ``metrics.json``, with special characters replaced."""
        plain = "/".join(STRANGE.sub("_", part) or "_" for part in name.split("/"))
        key, number = plain, 1
        while key in self.metrics:
            key, number = f"{plain}.{number + 1}", number + 1
        return key

    def add_table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        note: str = "",
    ) -> None:
        """Add a table; numeric columns are aligned to the right, NaN and None are shown as ``n/a``.

        Args:
            title: Heading of the table.
            columns: Column headings, with units.
            rows: Cells; strings are shown as they are, floats with four significant digits.
            note: Note below the table.

        Raises:
            ValueError: If a row has a wrong number of cells.
        """
        for row in rows:
            if len(row) != len(columns):
                raise ValueError(f"table {title!r}: row {list(row)} for columns {list(columns)}")
        self.tables.append(Table(title, columns, rows, note))
        self.sections.append(html.section(title, html.table(self.tables[-1]), "table"))

    def add_figure(
        self, title: str, figure: Figure, caption: str, alt: str = "", first: bool = False
    ) -> None:
        """Add a figure; it is drawn immediately.

        Args:
            title: Heading of the figure.
            figure: Figure from ``sciformer.report.figures.figure``.
            caption: Caption: what it shows and how to read it.
            alt: Alternative text for screen readers; by default axes and ranges of all lines.
            first: Show it at the top of the page, before all numbers.
        """
        width, height = figure.get_size_inches().tolist()
        image = html.picture(draw(figure), (width, height), alt or described(figure))
        self._add_picture(title, image, caption, first)

    def add_film(
        self,
        title: str,
        film: Film,
        width: float | int,
        caption: str,
        alt: str,
        first: bool = False,
    ) -> None:
        """Embed a film.

        Args:
            title: Heading of the film.
            film: Content of a GIF or MP4 file, with a poster.
            width: Width in inches.
            caption: Caption: what it shows and how to read it.
            alt: Alternative text for screen readers.
            first: Show it at the top of the page, before all numbers.
        """
        self._add_picture(title, html.film(film, width, alt), caption, first)

    def _add_picture(self, title: str, image: str, caption: str, first: bool) -> None:
        text = f"<figcaption>{escape(caption)}</figcaption>"
        content = html.section(title, f"<figure>\n{image}\n{text}\n</figure>", "picture")
        (self.looks if first else self.sections).append(content)

    def write(self, out: str | Path) -> Path:
        """Write ``metrics.json``, then ``index.html``, each atomically.

        Args:
            out: Output folder; created if it does not exist.

        Returns:
            Path of the page.
        """
        out = Path(out)
        numbers = to_json({**self.metrics, "run": {**self.run, "results": self.results}})
        page = html.document(self.title, self._body())
        write_atomically(
            out / html.METRICS, lambda path: path.write_text(numbers, encoding="utf-8")
        )
        write_atomically(out / html.PAGE, lambda path: path.write_text(page, encoding="utf-8"))
        return out / html.PAGE

    def publish(self, out: str | Path, *files: Path, note: str = "") -> None:
        """Write the report, show its tables, and print the paths of all written files.

        Args:
            out: Folder of the report.
            *files: Further files written by the command.
            note: Text before the path of the page.
        """
        page = self.write(out)
        self.print()
        print(*files, f"{note}{page}", sep="\n")  # noqa: T201  # the output of a command

    def _body(self) -> str:
        summary = f'<p class="summary">{escape(self.summary)}</p>' if self.summary else ""
        parts = [html.BEGIN, f"<h1>{escape(self.title)}</h1>", summary, *self.looks, html.REST]
        if self.results:
            parts.append(html.section("Results", html.table(self._results(), stack=True), "table"))
        parts += [html.pairs(html.costs(self.run), "tiles"), *self.sections]
        made = [html.provenance(self.run)]
        if self.metrics:
            made.append(html.csv_link(self.title, self.metrics))
        parts += [html.section("How this was made", "\n".join(made), "origin"), html.END]
        return "\n".join(part for part in parts if part)

    def _results(self) -> Table:
        rows = [(r["name"], r["value"], r["baseline"]) for r in self.results]
        return Table("Results", ("Measured", "Result", "Baseline"), rows)

    def print(self, console: Console | None = None) -> None:
        """Show the tables on a terminal, or as plain text if the output is redirected."""
        console = console or terminal()
        console.print(literal(self.title), style="bold")
        for table in ([self._results()] if self.results else []) + self.tables:
            console.print(rich_table(table))
            if table.note:
                console.print(literal(table.note), style="dim")


def report_folder(out: str | Path, overwrite: bool = False) -> Path:
    """Check, before long work, that a report can be written, and replaces none by accident.

    Args:
        out: Value of ``--out``; created if it does not exist.
        overwrite: Allow an existing report to be replaced.

    Returns:
        The folder to use.

    Raises:
        ValueError: If a report exists, or the folder is not writable.
    """
    return new_folder(out, (html.METRICS, html.PAGE), overwrite)


def rich_table(content: Table) -> RichTable:
    """A table for a terminal."""
    shown = RichTable(title=literal(content.title), title_justify="left")
    for index, name in enumerate(content.columns):
        right = index > 0 and html.numeric([row[index] for row in content.rows])
        shown.add_column(literal(name), justify="right" if right else "left")
    for row in content.rows:
        shown.add_row(*(literal(html.number(cell)) for cell in row))
    return shown
