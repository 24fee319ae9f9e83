"""xVal's sets and loader: samples, texts and tokens per CPU-second of one thread.

    python tests/benchmarks/xval_sets.py [--quick]

For each set: simulation; encoding, once, as ``setup`` of ``TextData`` does it, with the bytes that
a text then takes; an epoch of the loader, with the share of real tokens in what it pads. Exits with
1 where planets take longer than 5 ms to simulate, or a loader pads away more than a tenth.
"""

import sys
import time
import warnings
from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from script import parsed

from xval.data.datamodule import TextData
from xval.simulate import SETS

SLOWEST, LEAST_REAL = 200.0, 0.9
COUNTS = {"planets": 1_000, "temperature": 10_000}
COUNT = 50_000
ENCODINGS = ("xval", "p1000")


def cost(work: Callable[[], object]) -> float:
    """CPU-seconds."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(name: str, count: int, encoding: str) -> tuple[list[str], float, float]:
    """A row of the table; samples per CPU-second, and the share of real tokens."""
    simulation = cost(lambda: SETS[name].simulate(0, count))
    one = {"set": name, "count": count, "split": "train"}
    data = TextData([one], encoding=encoding, clip=True, context=8192, batch_size=32)
    encoding_s = cost(data.setup) - simulation
    assert data.corpus is not None
    held = sum(array.nbytes for array in data.corpus) / count
    real = padded = texts = 0
    started = time.process_time()
    for batch in data.train_dataloader():
        real, padded = real + int(batch.lengths.sum()), padded + batch.tokens.numel()
        texts += len(batch.tokens)
    loading = time.process_time() - started
    cells = [count / simulation, count / encoding_s, held, real / texts, texts / loading]
    row = [name, encoding, *(f"{cell:,.0f}" for cell in cells)]
    return [*row, f"{real / loading / 1e6:.1f}", f"{real / padded:.1%}"], cells[0], real / padded


def main() -> int:
    divisor = 10 if parsed(__doc__, "a tenth of the samples").quick else 1
    warnings.filterwarnings("ignore", ".* left over are dropped")
    table = Table(title="Batches of 32 texts; one thread")
    for column in ("set", "encoding", "simulated\nper CPU-s", "encoded\nper CPU-s"):
        table.add_column(column, justify="right")
    for column in ("bytes\nper text", "tokens\nper text", "loaded\nper CPU-s"):
        table.add_column(column, justify="right")
    for column in ("10^6 tokens\nper CPU-s", "real\ntokens"):
        table.add_column(column, justify="right")
    bad = False
    for name in SETS:
        for encoding in ENCODINGS:
            row, speed, share = measure(name, COUNTS.get(name, COUNT) // divisor, encoding)
            table.add_row(*row)
            bad |= share < LEAST_REAL or (name == "planets" and speed < SLOWEST)
    Console(width=110).print(table)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
