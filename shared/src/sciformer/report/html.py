"""HTML of a page of results; all content is escaped."""

import math
import re
import struct
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import quote

import yaml

from sciformer.text import counted

Cell = str | int | float | None
Sized = tuple[float | int, float | int]  # width and height in inches

METRICS, PAGE = "metrics.json", "index.html"  # what a folder of results holds
MISSING = "n/a"
BEGIN, END = "<!-- report begins -->", "<!-- report ends -->"  # escaped text cannot hold these
REST = "<!-- what follows the first look -->"
NUMBER = (
    r"(?:[<>~+\u2212-]\s?)?(?:\d[\d,]*(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?(?:\s(?:%|[A-Za-z]{1,3}))?"
)
# A number with its unit, or several: "2 min 43 s", "8 of 8", "0.31 (0.28 to 0.33)". Words are text.
NUMERIC = re.compile(rf"{NUMBER}(?:(?:\s\(?|\(){NUMBER}\)?)*|[+-]?inf")
ESCAPED = str.maketrans({"%": "%25", "#": "%23", "'": "%27", "&": "%26", "\n": " "})

# No script, no network, not by accident either: the browser itself refuses them.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"

# What of a run's record has a place of its own on the page.
PLACED = {
    *("command", "config", "settings", "versions", "cpu_s", "wall_s", "peak_gib", "seed"),
    *("evaluation", "data", "results"),
}
NAMES = {"cpu": "CPU", "ranks": "processes"}


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
    if not isinstance(value, float):
        return str(value)
    return f"{value:#.{digits}g}".rstrip(".") if value else "0"


def numeric(cells: Sequence[Cell]) -> bool:
    """Whether a column is numeric and is aligned to the right."""
    written = [number(cell) for cell in cells]
    values = [text for text in written if text not in ("", MISSING, "-", "\u2013")]
    return bool(values) and all(NUMERIC.fullmatch(text) for text in values)


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


def section(title: str, content: str, kind: str = "", name: str = "") -> str:
    """Put a heading above content; ``kind`` is its CSS class, ``name`` a target of links."""
    mark = f' id="{name}"' if name else ""
    return f'<section class="{kind}"{mark}>\n<h2>{escape(title)}</h2>\n{content}\n</section>'


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
        f'<div class="scroll" role="group" tabindex="0" aria-label="{escape(content.title)}">\n'
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


def picture(svg: str, size: Sized, alt: str) -> str:
    """Embed a figure as SVG; its size in inches makes text readable on phones and large screens."""
    source = re.sub(r"\s+", " ", svg.translate(ESCAPED).replace("://", "%3A//"))
    return _image(f"data:image/svg+xml,{source}", size, alt)


class Film(NamedTuple):
    """A moving picture.

    Args:
        content: Content of a GIF file, or of an MP4 file.
        poster: For an MP4, content of a PNG file that is shown until it is started, and printed.
    """

    content: bytes
    poster: bytes = b""


def film(content: Film, width: float | int, alt: str) -> str:
    """Embed a film: an MP4 with controls and a poster, a GIF as an image.

    Its background is light on a dark page too.
    """
    if content.poster:
        across, down = struct.unpack(">2L", content.poster[16:24])  # where PNG has its size
    else:
        across, down = struct.unpack("<2H", content.content[6:10])  # where GIF has it
    size = (width, width * down / across)
    if not content.poster:
        return _image(_data("image/gif", content.content), size, alt, "film")
    return (
        f'<div class="scroll">\n<video class="film" controls loop muted playsinline preload="none" '
        f'{_size(size)} aria-label="{escape(alt)}" '
        f'poster="{_data("image/png", content.poster)}" '
        f'src="{_data("video/mp4", content.content)}"></video>\n</div>'
    )


def _size(size: Sized) -> str:
    """Attributes that keep a picture's place until it is loaded."""
    width, height = (round(96 * inches) for inches in size)
    return f'width="{width}" height="{height}" style="--width: {size[0]:g}in"'


def _image(source: str, size: Sized, alt: str, kind: str = "") -> str:
    """An image; the single quotes keep the many double ones of an SVG as they are."""
    return (
        f'<div class="scroll">\n<img class="{kind}" alt="{escape(alt)}" {_size(size)} '
        f'loading="lazy" decoding="async" src=\'{source}\'>\n</div>'
    )


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


def csv_link(title: str, metrics: Mapping[str, int | float]) -> str:
    """Link that saves all metrics as a CSV file."""
    rows = "\n".join(f"{key},{value!r}" for key, value in metrics.items())
    name = re.sub(r"\W+", "_", title.lower()).strip("_")
    count = counted(len(metrics), "metric")
    return (
        f'<p><a download="{name}.csv" href="data:text/csv;charset=utf-8,'
        f'{quote(f"metric,value{chr(10)}{rows}{chr(10)}")}">All {count} as CSV</a></p>'
    )


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
    """Command, code, machine, data, configuration and versions, to reproduce a run."""
    rest = {NAMES.get(key, key): value for key, value in run.items() if key not in PLACED}
    evaluation: dict[str, Any] = dict(run.get("evaluation") or {})
    parts = [_command(run.get("command")), pairs(rest)]
    if evaluation:
        parts += ["<h3>Evaluation</h3>", _command(evaluation.pop("command", None))]
        parts.append(pairs({NAMES.get(key, key): value for key, value in evaluation.items()}))
    if run.get("data"):
        parts += ["<h3>Data</h3>", pairs(run["data"])]
    settings = run.get("settings")
    if settings:
        text = settings if isinstance(settings, str) else yaml.safe_dump(settings, sort_keys=False)
        parts.append(fold(f"Configuration {run.get('config') or ''}", f"<pre>{escape(text)}</pre>"))
    elif run.get("config"):
        parts.append(pairs({"configuration": run["config"]}))
    if run.get("versions"):
        parts.append(fold("Versions", pairs(run["versions"])))
    return "\n".join(part for part in parts if part)


def _command(command: Any) -> str:
    """A command line; it is broken between words only, where they fit."""
    if not command:
        return ""
    words = " ".join(
        f'<span class="word">{escape(word)}</span>' for word in str(command).split(" ")
    )
    return f"<pre>{words}</pre>"


def fold(title: str, content: str) -> str:
    """Fold content behind a title, until it is clicked; what is folded is not printed."""
    return f"<details>\n<summary>{escape(title)}</summary>\n{content}\n</details>"


def pairs(facts: Mapping[str, Any], kind: str = "pairs") -> str:
    """List of facts by name; ``tiles`` are large, ``pairs`` one per line."""
    lines = "\n".join(
        f"<div><dt>{escape(str(name))}</dt><dd>{escape(str(fact))}</dd></div>"
        for name, fact in facts.items()
    )
    return f'<dl class="{kind}">\n{lines}\n</dl>' if facts else ""
