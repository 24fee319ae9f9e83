"""CPU time of simulated galaxies, and what cheap baselines make of them.

    python tests/benchmarks/astroclip_simulator.py [--quick] [--seeds 0 1 2]

Time is of one thread, image of 48 pixels and spectrum together, after one block that fills the
caches; the limit is 2 ms per pair. ``--quick`` measures only that. Then 16,384 pairs are simulated
for each seed and the baselines asked about 4,000 more, which brings the sampling error of R2 to
0.01; a pool for retrieval has 1,000. R2 must fall where it does in the real survey, which is what
the simulator's noise and scatter were set to before anything was trained.
Exits with 1 where a bound does not hold.
"""

import sys
import time
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from script import parsed
from sklearn.metrics import r2_score

from astroclip.evaluation.baselines import (
    boosted,
    canonical_correlation,
    neighbors,
    principal_components,
    shapes,
)
from astroclip.evaluation.comparison import ranks_by_distance
from astroclip.metrics import recalls
from astroclip.nn.aperture_photometry import photometry
from astroclip.simulate.galaxies import BLOCK, LABELS, VERSION, fingerprint, simulate

LIMIT = 2.0  # CPU-ms per pair
TRAIN, TEST, POOL = 16_384, 4_000, 1_000
PARTS = (slice(0, TRAIN), slice(TRAIN, TRAIN + TEST))
BOUNDS = {"photometry": (0.74, 0.80), "spectrum": (0.93, 0.97)}  # R2 of redshift


class Measured(NamedTuple):
    """What the baselines read of many galaxies."""

    photometry: np.ndarray
    shape: np.ndarray
    softened: np.ndarray
    labels: np.ndarray
    snr: np.ndarray


def main() -> None:
    """Measure, print tables, exit with 1 where a bound does not hold."""
    seeds = {"type": int, "nargs": "+", "default": [0, 1, 2]}
    args = parsed(__doc__, "only the time", seeds=seeds)
    milliseconds = cost()
    print(f"version {VERSION}, fingerprint {fingerprint()}: {milliseconds:.2f} CPU-ms per pair")
    good = milliseconds <= LIMIT
    for seed in [] if args.quick else args.seeds:
        good &= calibrated(seed)
    sys.exit(not good)


def cost(blocks: int = 8) -> float:
    """Median CPU-ms of a pair over some blocks."""
    simulate(0, 0)
    times = []
    for block in range(1, blocks + 1):
        start = time.process_time()
        simulate(0, block)
        times.append(time.process_time() - start)
    return float(np.median(times)) / BLOCK * 1e3


def calibrated(seed: int) -> bool:
    """Print what the baselines reach with one seed, and say whether the bounds hold."""
    found = measured(seed, TRAIN + TEST)
    train, test = (Measured(*(x[part] for x in found)) for part in PARTS)
    components = principal_components(train.shape, test.shape)
    table = Table("R2", *LABELS[:-1], title=f"seed {seed}")
    redshift = {}
    for name, answer in {
        "photometry": lambda y: boosted(train.photometry, y, test.photometry),
        "spectrum": lambda y: neighbors(components[0], y, components[1]),
    }.items():
        scores = [r2_score(test.labels[:, i], answer(train.labels[:, i])) for i in range(5)]
        redshift[name] = scores[0]
        table.add_row(name, *(f"{score:.3f}" for score in scores))
    Console().print(table)
    softened = principal_components(train.softened, test.softened)
    linear = canonical_correlation(train.photometry, softened[0])
    pair = (linear.embed(0, test.photometry)[:POOL], linear.embed(1, softened[1])[:POOL])
    sides = [torch.from_numpy(side) for side in pair]
    ways = [recalls(ranks_by_distance(*both)) for both in (sides, sides[::-1])]
    print(f"linear CCA, recall of {POOL} by k: {ways[0]}, back {ways[1]}")
    for name, values in (("median SNR", found.snr), ("redshift", found.labels[:, 0])):
        low, middle, high = np.percentile(values, [5, 50, 95])
        print(f"{name}: {middle:.3g} ({low:.2g} to {high:.3g})")
    return all(low <= redshift[name] <= high for name, (low, high) in BOUNDS.items())


def measured(seed: int, count: int) -> Measured:
    """Simulate galaxies block by block and keep what the baselines read."""
    parts = []
    for block in range(-(-count // BLOCK)):
        made = simulate(seed, block)
        shape = shapes(made.flux, made.ivar)
        snr = np.where(made.mask, np.nan, made.flux * np.sqrt(made.ivar))
        parts.append(
            (
                photometry(torch.from_numpy(made.image)).numpy(),
                shape.flux.astype(np.float32),
                shape.softened().astype(np.float32),
                made.labels,
                np.nanmedian(snr, axis=1),
            )
        )
    return Measured(*(np.concatenate(x)[:count] for x in zip(*parts, strict=True)))


if __name__ == "__main__":
    main()
