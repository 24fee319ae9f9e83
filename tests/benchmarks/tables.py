"""The report: tables for the terminal, Markdown for a job's summary, JSON for machines."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from learning import Learned
from pairs import Measure, Pair
from rich.console import Console
from rich.table import Table
from verdicts import LIMITS, interval

FAILED = ("slower", "larger", "broken")
STYLES = dict.fromkeys(FAILED, "red") | {"suspect": "yellow", "faster": "green", "smaller": "green"}
HEADER = ("case", "pass", "base", "head", "ratio", "interval", "verdict")
PASSES = {"forward": "forward", "recorded": "fwd, grad", "training": "fwd + bwd", "run": "run"}


@dataclass
class Row:
    """One measure of both trees.

    Args:
        measure: What was measured.
        pairs: A result per generation: of the second measurement where there was one.
        verdict: ``ok``, ``slower`` (time) or ``larger`` (memory), ``faster`` or ``smaller``,
            ``suspect`` (not measured again), ``new`` (not in the base), ``broken`` (in the head).
        note: What Python said.
    """

    measure: Measure
    pairs: list[Pair] = field(default_factory=list)
    verdict: str = "ok"
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        return [pair.ratio for pair in self.pairs]

    @property
    def limit(self) -> float:
        return LIMITS[self.measure.quantity]

    def cells(self) -> list[str]:
        """The row of a table."""
        kind = PASSES[self.measure.kind]
        if self.measure.quantity == "memory":
            kind += " memory"
        if not self.pairs:
            return [self.measure.case, kind, "", "", "", self.note, self.verdict]
        low, high = interval(self.ratios)
        unit, scale = ("ms", 1e3) if self.measure.quantity == "time" else ("MiB", 2**-20)
        before, after = (median(pair[i] for pair in self.pairs) * scale for i in (0, 1))
        shown = f"{median(self.ratios):.3f}", f"{low:.3f} - {high:.3f}"
        return [
            self.measure.case,
            kind,
            f"{before:.3f} {unit}",
            f"{after:.3f} {unit}",
            *shown,
            self.verdict,
        ]

    def plain(self) -> dict[str, Any]:
        """The row as JSON takes it."""
        low, high = interval(self.ratios) if self.pairs else (None, None)
        ratio = median(self.ratios) if self.pairs else None
        found = {"ratio": ratio, "low": low, "high": high, "limit": self.limit}
        pairs = [pair._asdict() for pair in self.pairs]
        said = {"verdict": self.verdict, "note": self.note}
        return {**self.measure._asdict(), **found, **said, "generations": pairs}


@dataclass
class Report:
    """All that was found.

    Args:
        base: Name of the base.
        head: Name of the tree that is judged.
        rows: Time and memory.
        learned: Metrics of the quick runs.
        seconds: How long all of it took.
    """

    base: str
    head: str
    rows: list[Row]
    learned: list[Learned]
    seconds: float

    @property
    def failures(self) -> list[str]:
        """What makes it fail, in words."""
        bad = [row for row in self.rows if row.verdict in FAILED]
        words = [f"{row.verdict}: {' '.join(row.cells()[:2])}, {row.cells()[4]}" for row in bad]
        return words + [
            f"out of its band: {m.project} {m.metric}, {m.value}"
            for m in self.learned
            if not m.inside
        ]

    @property
    def verdict(self) -> str:
        """One line."""
        where = f"{self.head} against {self.base}: {len(self.rows)} measures"
        new = sum(row.verdict == "new" for row in self.rows)
        where += f", {new} of them new" if new else ""
        count, more = len(self.failures), sum(row.verdict == "suspect" for row in self.rows)
        said = f"{count} failed" if count else "nothing slower, larger or out of its band"
        said += f", {more} more are suspect" if more else ""
        return f"{where}, {said} ({self.seconds:.0f} s)"

    def learned_cells(self) -> list[list[str]]:
        return [
            [
                f"{m.project} quick, seed {m.seed}",
                m.metric,
                m.note if m.value is None else f"{m.value:.4f}",
                f"{m.band[0]} - {m.band[1]}",
                f"{m.cpu_s:.1f}",
                "ok" if m.inside else "out of its band",
            ]
            for m in self.learned
        ]

    def show(self, console: Console) -> None:
        """Print tables to a terminal."""
        table = Table(*HEADER, title=f"{self.head} against {self.base}")
        for row in self.rows:
            table.add_row(*row.cells(), style=STYLES.get(row.verdict))
        console.print(table)
        if self.learned:
            table = Table("run", "metric", "value", "band", "CPU-s", "verdict")
            for cells in self.learned_cells():
                table.add_row(*cells, style="red" if cells[-1] != "ok" else None)
            console.print(table)
        for failure in self.failures:
            console.print(failure, style="red", highlight=False)
        console.print(self.verdict, style="bold", highlight=False)

    def markdown(self) -> str:
        """The same, the changes first and the whole table folded."""
        changed = [row.cells() for row in self.rows if row.verdict != "ok"]
        parts = ["## Benchmarks", self.verdict]
        if changed:
            parts.append(markdown_table(HEADER, changed))
        if self.learned:
            header = ("run", "metric", "value", "band", "CPU-s", "verdict")
            parts.append(markdown_table(header, self.learned_cells()))
        whole = markdown_table(HEADER, [row.cells() for row in self.rows])
        parts.append(f"<details><summary>All measures</summary>\n\n{whole}\n\n</details>")
        return "\n\n".join(parts) + "\n"

    def json(self) -> str:
        """The same with every generation's figures."""
        learned = [{**m._asdict(), "inside": m.inside} for m in self.learned]
        facts = {"base": self.base, "head": self.head, "seconds": self.seconds}
        found = {"failures": self.failures, "learning": learned}
        return json.dumps({**facts, **found, "rows": [r.plain() for r in self.rows]}, indent=1)

    def write(self, path: Path) -> None:
        """Write JSON, and Markdown beside it, each file at once."""
        path.parent.mkdir(parents=True, exist_ok=True)
        for target, text in ((path, self.json()), (path.with_suffix(".md"), self.markdown())):
            beside = target.with_name(f".{target.name}")
            beside.write_text(text + "\n" * (not text.endswith("\n")), encoding="utf-8")
            beside.replace(target)


def markdown_table(header: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [list(header), ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(c.replace('|', ' ') for c in cells)} |" for cells in lines)
