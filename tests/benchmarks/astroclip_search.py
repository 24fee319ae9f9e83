"""``astroclip search`` over many embeddings: CPU time of one core, after start.

    python tests/benchmarks/astroclip_search.py [--quick]

100,000 embeddings of 128 numbers are written as parquet and as npz. For each: opening the file, and
an answer (the query looked up, all cosines, the 10 best, the table), the median of several. Exits
with 1 where an answer takes longer than 0.2 s.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from script import parsed

from astroclip.inference.embedding_files import SUFFIXES, Embeddings, write
from astroclip.inference.query import ask, open_bank
from astroclip.inference.search import find, table

COUNT, QUICK, DIM, K = 100_000, 20_000, 128, 10
LIMIT = 0.2  # CPU-seconds
REPEATS = 7


def main() -> None:
    """Measure, print a table, exit with 1 where the bound does not hold."""
    count = QUICK if parsed(__doc__, "20,000 embeddings").quick else COUNT
    shown = Table("file", "MiB", "opening (CPU-s)", "an answer (CPU-s)", title=f"{count} x {DIM}")
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for suffix in SUFFIXES:
            path = Path(folder) / f"many{suffix}"
            write(path, [made(count)], {})
            opening, answer = measure(path)
            size = path.stat().st_size / 2**20
            shown.add_row(suffix, f"{size:.0f}", f"{opening:.3f}", f"{answer:.3f}")
            slowest = max(slowest, answer)
    Console().print(shown)
    sys.exit(slowest > LIMIT)


def made(count: int) -> Embeddings:
    """Random embeddings of images and spectra."""
    random = np.random.default_rng(0)
    vectors = {}
    for name in ("image_z", "spectrum_z"):
        drawn = random.normal(size=(count, DIM)).astype(np.float32)
        vectors[name] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    redshift = random.uniform(0, 0.6, count).astype(np.float32)
    return Embeddings([f"galaxy-{n}" for n in range(count)], {"redshift": redshift}, None, vectors)


def measure(path: Path) -> tuple[float, float]:
    """CPU-seconds to open a file, and to answer."""
    opening = statistics.median(cost(lambda: open_bank(str(path))) for _ in range(REPEATS))
    bank = open_bank(str(path))

    def answer() -> None:
        query = ask(bank, f"galaxy-{len(bank.embeddings.ids) - 1}", "image", None, None)
        table(bank.embeddings, query, find(bank.embeddings, query, "spectrum", K))

    return opening, statistics.median(cost(answer) for _ in range(REPEATS))


def cost(work: Callable[[], object]) -> float:
    """CPU-seconds."""
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
