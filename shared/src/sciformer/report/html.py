"""HTML of a page of results; all content is escaped."""

import math
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

Cell = str | int | float | None

METRICS, PAGE = "metrics.json", "index.html"  # what a folder of results holds
MISSING = "n/a"
BEGIN, END = "<!-- report begins -->", "<!-- report ends -->"  # escaped text cannot hold these
NUMERIC = re.compile(r"[<>~+\u2212-]?\s?\.?\d")

# No script, no network, not by accident either: the browser itself refuses them.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

# What of a run's record has a place of its own on the page.
PLACED = {"command", "config", "settings", "versions", "cpu_s", "wall_s", "peak_gib", "seed"}


class Table(NamedTuple):
    """A table of results; the first column has the names of the rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


def percent(fraction: float | int, digits: int = 2) -> str:
    """Write a fraction as a percentage: 0.9983 is ``99.83 %``."""
    return f"{100 * fraction:.{digits}f} %" if math.isfinite(fraction) else MISSING


def duration(seconds: float | int) -> str:
    """Format a time with its two largest units: 83 is ``1 min 23 s``."""
    if not math.isfinite(seconds):
        return MISSING
    if seconds < 10:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def number(value: Cell, digits: int = 4) -> str:
    """Format a table cell: strings unchanged, floats with ``digits`` significant digits."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return str(value)


def numeric(cells: Sequence[Cell]) -> bool:
    """Whether a column is numeric and is aligned to the right."""
    written = [number(cell) for cell in cells]
    values = [text for text in written if text not in ("", MISSING, "-", "\u2013")]
    return bool(values) and all(NUMERIC.match(text) or text.endswith("inf") for text in values)


def document(title: str, content: str) -> str:
    """Make an HTML page from its content."""
    style = files("sciformer.report").joinpath("page.css").read_text(encoding="utf-8")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
{content}
</main>
</body>
</html>
"""


def section(title: str, content: str, kind: str = "") -> str:
    """Put a heading above content; ``kind`` is its CSS class."""
    return f'<section class="{kind}">\n<h2>{escape(title)}</h2>\n{content}\n</section>'


def table(content: Table, stack: bool = False) -> str:
    """Make an HTML table; a wide table scrolls, or stacks its cells."""
    count = len(content.columns)
    right = [column > 0 and numeric([r[column] for r in content.rows]) for column in range(count)]
    kinds = ["number" if flag else "" for flag in right]
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(name)}</th>'
        for name, kind in zip(content.columns, kinds, strict=True)
    )
    labels = content.columns if stack else [""] * count
    body = "\n".join(f"<tr>{_row(row, kinds, labels)}</tr>" for row in content.rows)
    note = f'\n<p class="note">{escape(content.note)}</p>' if content.note else ""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(content.title)}">\n'
        f'<table class="{"stack" if stack else ""}">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>\n</div>{note}"
    )


def _row(row: Sequence[Cell], kinds: Sequence[str], labels: Sequence[str]) -> str:
    cells = [f'<th scope="row">{escape(number(row[0]))}</th>']
    for cell, kind, label in zip(row[1:], kinds[1:], labels[1:], strict=True):
        text = number(cell)
        classes = f"{kind} missing" if text == MISSING else kind
        data = f' data-label="{escape(label)}"' if label else ""
        cells.append(f'<td class="{classes}"{data}>{escape(text)}</td>')
    return "".join(cells)


def picture(light: str, dark: str, width: float, alt: str) -> str:
    """Embed a figure as SVG, for a light and a dark page.

    Width in inches, so that text is readable on phones and large screens.
    """
    images = "\n".join(
        f'<img class="{mode}" src="data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}" '
        f'alt="{escape(alt)}" style="--width: {width:g}in">'
        for mode, svg in (("light", light), ("dark", dark))
    )
    return f'<div class="scroll">\n{images}\n</div>'


def film(gif: bytes, width: float | int, alt: str) -> str:
    """Embed an animated GIF; its background is light on a dark page too."""
    data = b64encode(gif).decode()
    image = (
        f'<img class="film" src="data:image/gif;base64,{data}" alt="{escape(alt)}" '
        f'style="--width: {width:g}in">'
    )
    return f'<div class="scroll">\n{image}\n</div>'


def costs(run: Mapping[str, Any]) -> dict[str, str]:
    """Cost and seed of a training as text."""
    facts = {}
    for key, name in {"wall_s": "Training time", "cpu_s": "Training, CPU time"}.items():
        if run.get(key) is not None:
            facts[name] = duration(float(run[key]))
    if run.get("peak_gib") is not None:
        facts["Peak memory"] = f"{float(run['peak_gib']):.2f} GiB"
    if run.get("seed") is not None:
        facts["Seed"] = str(run["seed"])
    return facts


def provenance(run: Mapping[str, Any]) -> str:
    """Command, configuration and versions, to reproduce a run."""
    parts = []
    if run.get("command"):
        words = " ".join(
            f'<span class="word">{escape(word)}</span>' for word in str(run["command"]).split(" ")
        )
        parts.append(f"<pre>{words}</pre>")
    rest = {key: value for key, value in run.items() if key not in PLACED}
    if rest:
        parts.append(pairs(rest))
    settings = run.get("settings")
    if settings:
        text = settings if isinstance(settings, str) else yaml.safe_dump(settings, sort_keys=False)
        parts.append(fold(f"Configuration {run.get('config') or ''}", f"<pre>{escape(text)}</pre>"))
    elif run.get("config"):
        parts.append(pairs({"configuration": run["config"]}))
    if run.get("versions"):
        parts.append(fold("Versions", pairs(run["versions"])))
    return "\n".join(parts)


def fold(title: str, content: str) -> str:
    """Fold content behind a title, until it is clicked or the page is printed."""
    return f"<details>\n<summary>{escape(title)}</summary>\n{content}\n</details>"


def pairs(facts: Mapping[str, Any], kind: str = "pairs") -> str:
    """List of facts by name; ``tiles`` are large, ``pairs`` one per line."""
    lines = "\n".join(
        f"<div><dt>{escape(str(name))}</dt><dd>{escape(str(fact))}</dd></div>"
        for name, fact in facts.items()
    )
    return f'<dl class="{kind}">\n{lines}\n</dl>' if facts else ""
