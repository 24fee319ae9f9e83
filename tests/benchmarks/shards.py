"""A loader of shards against the same loader of arrays in memory, in CPU time.

    python tests/benchmarks/shards.py [--quick]

The first pass of a process over a data set, which checks every sample, a later one, and one over
the samples as a list of arrays in memory take turns in one process with one thread. The shards are
in the page cache: the disk is not measured. Exits with 1 where shards give credibly less than 0.9
times the samples per second.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from script import parsed
from torch.utils.data import Dataset
from verdicts import interval

from sciformer.data.loader import SeededLoader, seeded_loader
from sciformer.data.shards.dataset import ShardedDataset
from sciformer.data.shards.index import Recipe
from sciformer.data.shards.writer import write_shards

LEAST = 0.9  # times the samples per second of arrays in memory
SHARDS = 8


class Sample(NamedTuple):
    """An array and what is to be said of it."""

    x: Any
    label: Any


class Memory(Dataset[Sample]):
    """Samples that are there already."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


class Kind(NamedTuple):
    """A data set."""

    make: Callable[[int], dict[str, np.ndarray]]
    samples: int
    batch: int


def sequence(number: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(number)
    x = rng.integers(0, 3, 512, dtype=np.uint8)
    return {"x": x, "label": rng.integers(0, 100, 4, dtype=np.int32)}


def picture(number: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(number)
    return {"x": rng.standard_normal((64, 256), np.float32), "label": np.array(number)}


KINDS = {"0.5 KiB": Kind(sequence, 4096, 64), "64 KiB": Kind(picture, 1024, 16)}


def clock(loader: SeededLoader) -> float:
    """CPU-seconds of a pass."""
    start = time.process_time()
    for _ in loader:
        pass
    return time.process_time() - start


def measure(kind: Kind, rounds: int) -> dict[str, list[float]]:
    """CPU-seconds of passes, one of each way a round."""

    def load(data: Dataset[Sample]) -> SeededLoader:
        return seeded_loader(data, kind.batch, seed=0)

    with tempfile.TemporaryDirectory() as folder:
        write_shards(folder, kind.make, Recipe("bench", "1", 0, kind.samples, SHARDS, {}))
        memory = load(Memory([Sample(**kind.make(number)) for number in range(kind.samples)]))
        times = {"memory": [], "first pass": [], "later pass": []}
        for _ in range(rounds):
            times["memory"].append(clock(memory))
            shards = load(ShardedDataset(folder, Sample))
            times["first pass"].append(clock(shards))
            times["later pass"].append(clock(shards))
    return {way: found[1:] for way, found in times.items()}  # the first round warms up


def main() -> int:
    rounds = 10 if parsed(__doc__, "fewer rounds").quick else 40
    slow = False
    for name, kind in KINDS.items():
        times = measure(kind, rounds)
        memory = times.pop("memory")
        print(f"samples of {name}: memory {1e6 / kind.samples * median(memory):.2f} us a sample")
        for way, found in times.items():
            ratios = [there / here for there, here in zip(memory, found, strict=True)]
            low, high = interval(ratios)
            print(
                f"  {way} {1e6 / kind.samples * median(found):.2f} us: {median(ratios):.2f} times "
                f"as fast ({low:.2f} - {high:.2f})"
            )
            slow |= high < LEAST
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
