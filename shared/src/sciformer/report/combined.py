"""One page from the reports of several projects, including failed ones."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from sciformer.files import write_atomically
from sciformer.report import html
from sciformer.report.html import Cell, Table
from sciformer.strict_json import read_json, to_json

RESULTS = "results"  # id of the table of all results
TAIL = 30  # lines of a failed project's output that are shown
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # a terminal's colors and movements


@dataclass(frozen=True)
class Done:
    """A project that has finished.

    Args:
        name: Name of the project.
        folder: Folder of its report: ``metrics.json`` and ``index.html``.
    """

    name: str
    folder: Path


@dataclass(frozen=True)
class Failed:
    """A project that has failed.

    Args:
        name: Name of the project.
        log: Its output; the last lines are shown.
    """

    name: str
    log: str


def join(
    title: str,
    parts: Sequence[Done | Failed],
    out: str | Path,
    facts: Mapping[str, str] | None = None,
    summary: str = "",
    made: Mapping[str, str] | None = None,
) -> Path:
    """Combine the reports of all projects in one ``metrics.json`` and one page.

    Each project's section shows the beginning of its report; a fold holds the rest. A table of all
    results ends the page.

    Keys are ``<project>/<set>/<metric>[/<part>]``; ``run`` holds the record of each project, or
    ``{"failed": <last line>}``.

    Args:
        title: Title of the page.
        parts: Result of each project, in the order of the page.
        out: Output folder; created if it does not exist.
        facts: Further facts by name: total time, seed.
        summary: One or two sentences below the title.
        made: Origin of the page (``report.origin.origin``).

    Returns:
        Path of the page.

    Raises:
        ValueError: If a folder has no report.
    """
    for part in parts:
        if isinstance(part, Done) and not (part.folder / html.PAGE).is_file():
            raise ValueError(f"{part.folder}: holds no report")
    out = Path(out)
    metrics = {part.name: _metrics(part) for part in parts}
    content = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="summary">{escape(summary)}</p>' if summary else "",
        _contents(parts),
        *(_section(index, part) for index, part in enumerate(parts)),
        html.section("Results", html.table(results(parts), stack=True), "project", RESULTS),
        html.pairs(facts or {}, "tiles"),
        html.section("How this was made", html.provenance(made), "origin") if made else "",
    ]
    page = html.document(title, "\n".join(text for text in content if text))
    numbers = {
        f"{name}/{key}": value
        for name, found in metrics.items()
        for key, value in found.items()
        if key != "run"
    }
    runs = {name: found["run"] for name, found in metrics.items()}
    text = to_json({**numbers, "run": runs})
    write_atomically(out / html.METRICS, lambda path: path.write_text(text, encoding="utf-8"))
    write_atomically(out / html.PAGE, lambda path: path.write_text(page, encoding="utf-8"))
    return out / html.PAGE


def results(parts: Sequence[Done | Failed]) -> Table:
    """Headline numbers of each project, with baseline and training time."""
    rows = [row for part in parts for row in _rows(part.name, _metrics(part)["run"])]
    return Table("Results", ("Project", "Measured", "Result", "Baseline", "Training time"), rows)


def tail(log: str, lines: int = TAIL) -> str:
    """Last lines of a program's output, as a terminal shows them.

    Args:
        log: Output, possibly with colors and progress bars.
        lines: Number of lines.

    Returns:
        Plain lines.
    """
    clean = ESCAPES.sub("", log).rstrip().replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in clean[-lines:])


def _metrics(part: Done | Failed) -> dict[str, Any]:
    if isinstance(part, Failed):
        return {"run": {"failed": tail(part.log, 1)}}
    return read_json(part.folder / html.METRICS)


def _rows(name: str, run: Mapping[str, Any]) -> list[list[Cell]]:
    if "failed" in run:
        return [[name, "failed", "", "", ""]]
    time = html.duration(run["wall_s"]) if run.get("wall_s") is not None else None
    rows: list[list[Cell]] = [
        [name, found["name"], found["value"], found["baseline"], time]
        for found in run.get("results", [])
    ]
    return rows or [[name, "see below", "", "", time]]


def _contents(parts: Sequence[Done | Failed]) -> str:
    items = "".join(
        f'<li><a href="#project-{index}">{escape(part.name)}</a>'
        f"{' (failed)' if isinstance(part, Failed) else ''}</li>"
        for index, part in enumerate(parts)
    )
    items += f'<li><a href="#{RESULTS}">All results</a></li>'
    return f'<nav aria-label="Projects"><ul>{items}</ul></nav>'


def _section(index: int, part: Done | Failed) -> str:
    if isinstance(part, Failed):
        content = (
            f"<h2>{escape(part.name)}: failed</h2>\n<p>The last lines of what it said:</p>\n"
            f"<pre>{escape(tail(part.log))}</pre>"
        )
        return f'<section class="project failed" id="project-{index}">\n{content}\n</section>'
    page = (part.folder / html.PAGE).read_text(encoding="utf-8")
    body = page.partition(html.BEGIN)[2].partition(html.END)[0]
    body = re.sub(r"(</?h)([1-5])\b", lambda tag: f"{tag[1]}{int(tag[2]) + 1}", body)
    look, _, rest = body.partition(html.REST)
    folded = html.fold(f"Numbers and further figures: {part.name}", rest.strip())
    return f'<section class="project" id="project-{index}">\n{look.strip()}\n{folded}\n</section>'
