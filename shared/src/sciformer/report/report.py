"""The report of one run: tables and figures -> ``metrics.json`` and one self-contained page."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from numbers import Integral
from pathlib import Path
from typing import Any, SupportsFloat

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from sciformer.files import new_folder, write_atomically
from sciformer.report import html
from sciformer.report.figures import draw
from sciformer.report.html import Cell, Table
from sciformer.strict_json import to_json
from sciformer.text import printable

STRANGE = re.compile(r"[^A-Za-z0-9_.+-]+")  # what a key of metrics.json has no room for


class Report:
    """Numbers, tables and figures of one run, collected and then written at once.

    A figure is drawn when it is added, so that one that cannot be drawn leaves an earlier report
    on the disk as it was.

    Args:
        title: What was evaluated.
        run: The record of the training (``checkpoint.run_record``): ``command``, ``config`` (its
            path), ``settings`` (its content), ``seed``, ``versions``, ``cpu_s``, ``wall_s``,
            ``peak_gib``; all of them optional, and others are shown as they are.
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

    def add_result(self, name: str, value: Cell, baseline: Cell = "") -> None:
        """Add a headline number: it comes first, and is listed on a combined page.

        Args:
            name: What was measured, on which data, with its unit.
            value: The number, written as it shall be read where it is text.
            baseline: What one gets without the model, and how; likewise.
        """
        written = {"value": html.number(value), "baseline": html.number(baseline)}
        self.results.append({"name": name, **written})

    def add_metrics(self, metrics: Mapping[str, SupportsFloat]) -> None:
        """Add numbers to ``metrics.json`` as ``<set>/<metric>[/<part>]``.

        Args:
            metrics: Numbers by key. What a name holds beside letters, digits and ``_.+-`` becomes
                ``_``; two that are the same then are numbered. A number that is not finite is
                written as ``null``, as JSON has no word for it.

        Raises:
            ValueError: For a key of another form, or one that is there already.
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
        """Key of a metric in ``metrics.json``; names of fields and files may hold anything."""
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
        """Add a table: columns of numbers are aligned to the right, NaN and None are ``n/a``.

        Args:
            title: The heading above it.
            columns: Their headings, with units.
            rows: Cells; text is shown as it is, a float to four significant digits.
            note: A line below it.

        Raises:
            ValueError: If a row has more or fewer cells than there are columns.
        """
        for row in rows:
            if len(row) != len(columns):
                raise ValueError(f"table {title!r}: row {list(row)} for columns {list(columns)}")
        self.tables.append(Table(title, columns, rows, note))
        self.sections.append(html.section(title, html.table(self.tables[-1]), "table"))

    def add_figure(self, title: str, figure: Figure, caption: str, alt: str = "") -> None:
        """Add a figure; it is drawn here.

        Args:
            title: The heading above it.
            figure: Made by ``sciformer.report.figures.figure``.
            caption: What it shows and how to read it.
            alt: What one would say of it to someone who cannot see it; else the title.
        """
        light, dark = draw(figure)
        image = html.picture(light, dark, figure.get_figwidth(), alt or title)
        self._add_picture(title, image, caption)

    def add_film(
        self, title: str, gif: bytes, width: float | int, caption: str, alt: str = ""
    ) -> None:
        """Add an animated GIF, which the page then holds.

        Args:
            title: The heading above it.
            gif: The content of its file.
            width: In inches, as of a figure.
            caption: What it shows and how to read it.
            alt: What one would say of it to someone who cannot see it; else the title.
        """
        self._add_picture(title, html.film(gif, width, alt or title), caption)

    def _add_picture(self, title: str, image: str, caption: str) -> None:
        text = f"<figcaption>{escape(caption)}</figcaption>"
        self.sections.append(
            html.section(title, f"<figure>\n{image}\n{text}\n</figure>", "picture")
        )

    def write(self, out: str | Path) -> Path:
        """Write ``metrics.json`` and then ``index.html``, each whole or not at all.

        Args:
            out: The folder; made where missing.

        Returns:
            The page's path.
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
        """Write the report, show its tables, and print the paths of all files that were written.

        Args:
            out: Folder of the report.
            *files: Further files of the same command.
            note: Text in front of the page's path.
        """
        page = self.write(out)
        self.print()
        print(*files, f"{note}{page}", sep="\n")  # noqa: T201  # the output of a command

    def _body(self) -> str:
        summary = f'<p class="summary">{escape(self.summary)}</p>' if self.summary else ""
        parts = [
            html.BEGIN,
            f"<h1>{escape(self.title)}</h1>",
            summary,
            html.pairs(html.costs(self.run), "tiles"),
        ]
        if self.results:
            parts.append(html.section("Results", html.table(self._results(), stack=True), "table"))
        parts += self.sections
        origin = html.provenance(self.run)
        if self.metrics:
            rows = [(key, html.number(value, 6)) for key, value in self.metrics.items()]
            listing = html.table(Table("All metrics", ("Metric", "Value"), rows))
            origin += "\n" + html.fold(f"All {len(rows)} metrics", listing)
        parts += [html.section("How this was made", origin, "origin"), html.END]
        return "\n".join(part for part in parts if part)

    def _results(self) -> Table:
        rows = [(r["name"], r["value"], r["baseline"]) for r in self.results]
        return Table("Results", ("Measured", "Result", "Baseline"), rows)

    def print(self, console: Console | None = None) -> None:
        """Show the tables on a terminal, or as plain text where the output goes elsewhere."""
        console = console or terminal()
        console.print(literal(self.title), style="bold")
        for table in ([self._results()] if self.results else []) + self.tables:
            console.print(rich_table(table))
            if table.note:
                console.print(literal(table.note), style="dim")


def report_folder(out: str | Path, overwrite: bool = False) -> Path:
    """Check before long work that a report can be written; never replace one unasked.

    Args:
        out: The value of ``--out``; made where missing.
        overwrite: Whether it may replace one that is there.

    Returns:
        The folder to use.

    Raises:
        ValueError: If one is there, or the folder cannot be written to.
    """
    return new_folder(out, (html.METRICS, html.PAGE), overwrite)


def terminal() -> Console:
    """Console for tables; a file or a pipe has no edge to wrap at."""
    console = Console()
    if not console.is_terminal:
        console.width = 200
    return console


def rich_table(content: Table) -> RichTable:
    """A table for a terminal."""
    shown = RichTable(title=literal(content.title), title_justify="left")
    for index, name in enumerate(content.columns):
        right = index > 0 and html.numeric([row[index] for row in content.rows])
        shown.add_column(literal(name), justify="right" if right else "left")
    for row in content.rows:
        shown.add_row(*(literal(html.number(cell)) for cell in row))
    return shown


def literal(content: str) -> Text:
    """Text that rich shows literally: no markup, no escapes of a terminal.

    Args:
        content: Text of any kind: a name, a path, an answer.

    Returns:
        The same, for ``Console.print`` and the cells of a table.
    """
    return Text(printable(content))
