"""Windows of 512 x 512 frames from the cache against re-reading their lzf chunks.

    python tests/benchmarks/mpp_loading.py [--quick]

A file in the layout of PDEBench's incompressible flow (chunks of one frame, lzf and shuffle), of
smooth fields as a solver gives them. An item is a batch of one window, 16 frames and the next, as
``MixtureWindows`` makes it. The ways take turns, item by item, in one process with one thread; what
is compared is CPU time, system's included. Both are read from the page cache: the disk is not
measured. Beside it: a training step of Ti on such an item. Exits with 1 where the cache does not
give 5 times the items per second.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from avit import stepper
from rich.console import Console
from rich.table import Table

from mpp.data.dataset import MixtureWindows, Part, Windows
from mpp.data.description import Description, by_name
from mpp.data.frame_cache import Cached
from mpp.data.pdebench_writer import write_pdebench
from mpp.data.readers.pdebench import PDEBench
from mpp.nn.field_vocabulary import Vocabulary

LEAST = 5.0  # times the items per second
NAMES = ("velocity_x", "velocity_y", "tracer")
FRAMES, HISTORY = 20, 16


def smooth(trajectories: int, points: int) -> np.ndarray:
    """Waves of all directions and speeds, 1/k in size: (trajectory, time, field, x, y)."""
    rng = np.random.default_rng(0)
    x = np.arange(points, dtype=np.float32) * np.float32(2 * np.pi / points)
    time_ = np.arange(FRAMES, dtype=np.float32)[:, None, None, None]
    out = np.zeros((trajectories, FRAMES, len(NAMES), points, points), np.float32)
    for trajectory in range(trajectories):
        for _ in range(12):
            a, b = rng.integers(-8, 9, 2)
            phase = rng.uniform(0, 6, (len(NAMES), 1, 1)).astype(np.float32)
            wave = np.float32(a) * x[:, None] + np.float32(b) * x + phase
            out[trajectory] += np.cos(wave + np.float32(0.1) * time_) / np.float32(1 + abs(a))
    return out


def measure(folder: str, trajectories: int, rounds: int) -> dict[str, float]:
    """CPU-seconds of an item, by what it is read from and whether it is augmented."""
    points = 512
    spacing = (1 / points,) * 2
    known = tuple(map(by_name, NAMES))
    description = Description(known, (points,) * 2, ("wall",) * 2, spacing, 0.005, (0, 1), True)
    arrays = smooth(trajectories, points)
    path, plain = Path(folder) / "ns_incom_inhom_2d_512-0.h5", Path(folder) / "plain.h5"
    write_pdebench(path, "incompressible", arrays, description, "lzf")
    write_pdebench(plain, "incompressible", arrays, description)
    started = time.process_time()
    cached = Cached(PDEBench(path), folder)
    decoding = (time.process_time() - started) / trajectories / FRAMES
    packed = path.stat().st_size / arrays.nbytes
    print(f"lzf packs to {packed:.2f}; decoding costs {1e3 * decoding:.1f} CPU-ms a frame, once")
    ways = {}
    for kind, source in (("lzf", PDEBench(path)), ("h5", PDEBench(plain)), ("cache", cached)):
        part = Part(Windows(source, range(trajectories), HISTORY), Vocabulary(NAMES).rows(NAMES), 0)
        ways[kind] = MixtureWindows([part])
        ways[f"{kind}, augmented"] = MixtureWindows([part], augment=True)
    times = {kind: [] for kind in ways}
    for number in range(rounds):
        for kind, items in ways.items():
            started = time.process_time()
            items[number % len(items)]
            times[kind].append(time.process_time() - started)
    return {kind: median(found[1:]) for kind, found in times.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one trajectory, 9 rounds")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        cost = measure(folder, 1 if quick else 3, 9 if quick else 41)
    table = Table(title=f"One item of {HISTORY} + 1 frames of 3 x 512 x 512, one thread")
    for column in ("read from", "CPU-ms per item", "items per CPU-second", "times lzf"):
        table.add_column(column, justify="right")
    for kind, seconds in cost.items():
        base = cost["lzf" + kind[len(kind.partition(",")[0]) :]]
        table.add_row(kind, f"{1e3 * seconds:.1f}", f"{1 / seconds:.0f}", f"{base / seconds:.2f}")
    Console().print(table)
    step = stepper("ours", "Ti", 512, "bf16")
    step()
    started = time.process_time()
    step()
    seconds = time.process_time() - started
    print(f"A training step of Ti on one of them, in bf16 autocast: {seconds:.2f} CPU-s, as much")
    print(f"as reading {seconds / cost['lzf']:.0f} of lzf and {seconds / cost['cache']:.0f} cached")
    return int(cost["lzf"] < LEAST * cost["cache"])


if __name__ == "__main__":
    sys.exit(main())
