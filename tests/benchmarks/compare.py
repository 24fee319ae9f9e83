"""Compare the working tree with a commit: CPU time, peak memory, and whether it still learns.

    python tests/benchmarks/compare.py BASE [--head REV]

Both trees are measured in turn by the cases of this checkout, in fresh processes (a generation) for
each of several repetitions. What looks too slow or too large is measured again in fresh processes,
and fails if the interval of that second measurement lies above the limit: 1.10 times the CPU time,
1.05 times the memory. Exit status: 0 passed, 1 failed, 2 could not be compared.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from learning import BANDS, quick_runs
from pairs import CaseError, Measure, Pair, Rounds, find_measures, generation
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from tables import FAILED, Report, Row
from trees import check_out, commit, copy_working_tree
from verdicts import credible, interval, suspect, undecided

ROOMS = sorted(p.stem for p in Path(__file__).parent.glob("cases/[!_]*.py"))
SCREEN = {"time": 5, "memory": 1}  # generations of the first measurement
CONFIRM = {"time": 8, "memory": 2}  # and of the second
ROUNDS, ROUNDS_AGAIN = Rounds(7, 15, 0.1), Rounds(15, 41, 0.4)
AT_ONCE = 12  # suspects that are measured again together, the slowest first
Trees = tuple[Path, Path]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("base", help="the commit to compare with")
    parser.add_argument("--head", help="a commit instead of the working tree")
    parser.add_argument("--out", type=Path, default=Path("runs/bench.json"), help="and .md beside")
    parser.add_argument("--only", help="cases whose name or file's name holds this; no learning")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up as after Ctrl-C
    console = Console(width=None if sys.stdout.isatty() else 140)
    try:
        report = compare(args.base, args.head, args.only, console)
    except (ValueError, RuntimeError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("bench: stopped\n")
        return 130
    report.show(console)
    report.write(args.out)
    return int(bool(report.failures))


def compare(base: str, head: str | None, only: str | None, console: Console) -> Report:
    """Check both trees out, measure them, and train the quick runs of the head."""
    start = time.perf_counter()
    base_commit = commit(base)
    head_commit = commit(head) if head else None
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    progress = Progress(*columns, TimeElapsedColumn(), console=console)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, progress:
        folder = Path(name)
        trees = folder / "base", folder / "head"
        check_out(base_commit, trees[0])
        if head_commit:
            check_out(head_commit, trees[1])
        else:
            copy_working_tree(trees[1])
        learned = []
        if only is None:
            runs = progress.track(
                quick_runs(trees[1], folder),
                total=sum(len(plan["seeds"]) for plan in BANDS.values()),
                description="learning",
            )
            learned = [metric for run in runs for metric in run]
        rows = measure_all(trees, only, progress)
    if all(row.verdict == "new" for row in rows):
        raise ValueError(f"{base} cannot run any of the {len(rows)} cases: {rows[0].note}")
    seconds = time.perf_counter() - start
    named = f"{head} ({head_commit[:8]})" if head and head_commit else "the working tree"
    return Report(f"{base} ({base_commit[:8]})", named, rows, learned, seconds)


def chosen(measures: list[Measure], only: str | None) -> list[Measure]:
    """Those that ``--only`` asks for; a ``ValueError`` lists all if there is none."""
    found = [m for m in measures if only is None or any(only in name for name in m[:2])]
    if not found:
        cases = ", ".join(dict.fromkeys(measure.case for measure in measures))
        raise ValueError(f"--only {only!r} is in no name of {', '.join(ROOMS)}; nor of {cases}")
    return found


def measure_all(trees: Trees, only: str | None, progress: Progress) -> list[Row]:
    """Measure what both trees have; measure again what is suspect."""
    found, failed = find_measures(trees, ROOMS)
    rows = [Row(measure) for measure in chosen(found, only)]
    for room, error in failed.items():
        if error.tree == "head":
            rows.append(Row(Measure(room, room, "run", "time")))
        for row in rows:
            if row.measure.room == room:
                add(row, error)
    for quantity in ("memory", "time"):
        some = [r for r in rows if r.measure.quantity == quantity]
        measure(trees, some, SCREEN[quantity], quantity, progress)
        for row in some:
            if row.pairs and interval(row.ratios)[1] < 1 / row.limit:
                row.verdict = "faster" if quantity == "time" else "smaller"
        suspects = [row for row in some if row.pairs and suspect(row.ratios, row.limit)]
        confirm(trees, suspects, quantity, progress)
    return rows


def confirm(trees: Trees, suspects: list[Row], quantity: str, progress: Progress) -> None:
    """Measure suspects again, the worst first, until some are confirmed or none is left."""
    suspects = sorted(suspects, key=lambda row: -median(row.ratios))
    while suspects:
        batch, suspects = suspects[:AT_ONCE], suspects[AT_ONCE:]
        for row in batch:
            row.pairs = []
        measure(trees, batch, CONFIRM[quantity], f"{quantity} again", progress, again=True)
        for row in batch:
            if row.pairs and credible(row.ratios, row.limit):
                row.verdict = "slower" if quantity == "time" else "larger"
        if any(row.verdict in FAILED for row in batch):
            break
    for row in suspects:  # the comparison has failed already: these need not be confirmed
        row.verdict = "suspect"


def measure(
    trees: Trees,
    rows: list[Row],
    generations: int,
    name: str,
    progress: Progress,
    again: bool = False,
) -> None:
    """Add generations to rows; ``again``, only as long as these can still be confirmed."""
    task = progress.add_task(name, total=generations * len(rows))
    start = time.perf_counter()
    by_measure = {row.measure: row for row in rows}
    for done in range(generations):
        left = [row for row in rows if row.verdict not in ("new", "broken")]
        if again:
            left = [row for row in left if undecided(row.ratios, row.limit, generations)]
        if left:
            measures = [row.measure for row in left]
            for key, result in generation(trees, measures, ROUNDS_AGAIN if again else ROUNDS):
                add(by_measure[key], result)
                progress.advance(task)
        progress.update(task, completed=(done + 1) * len(rows))
        if not progress.console.is_terminal:  # where a bar is shown at its end only
            taken = time.perf_counter() - start
            progress.console.print(f"{name}: {done + 1} of {generations}, {taken:.0f} s")


def add(row: Row, result: Pair | CaseError) -> None:
    """Keep a result; a case that the head cannot run is broken, one that the base cannot is new."""
    if isinstance(result, Pair):
        row.pairs.append(result)
    else:
        row.verdict = "new" if result.tree == "base" else "broken"
        row.note, row.pairs = str(result), []


if __name__ == "__main__":
    sys.exit(main())
