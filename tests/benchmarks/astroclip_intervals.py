"""Intervals of redshift and mass on new simulated galaxies: how wide they are, and what they hold.

    python tests/benchmarks/astroclip_intervals.py [--quick]

The network that the package ships beside photometry and gradient boosting, with the same method.
``--quick`` takes 1,000 galaxies and a bank of 2,048 instead of 5,000 and 16,384.
"""

from functools import partial

import numpy as np
from script import parsed

import astroclip
from astroclip.evaluation.comparison import Galaxies, compare, gather
from astroclip.evaluation.interval_comparison import add_comparison
from astroclip.inference.encode import encode
from sciformer.evaluation.run import open_run
from sciformer.report.report import Report

SEED, BATCH = 99, 256


def main() -> None:
    """Encode, predict, print."""
    args = parsed(__doc__, "1,000 galaxies, a bank of 2,048")
    asked, bank = (1000, 2048) if args.quick else (5000, 16_384)
    run = open_run("astroclip/standard", astroclip.AstroCLIPModule, "cpu")
    pairs = -(-(bank + asked) // BATCH) * BATCH
    data = astroclip.GalaxyData(pairs=pairs, seed=SEED, batch_size=BATCH)
    read, limit = partial(encode, run.module), bank + asked
    found = gather(read, data.loader("train"), labels=data.labels, limit=limit)
    known, new = part(found, slice(bank)), part(found, slice(bank, limit))
    report = Report("Intervals of new galaxies", {})
    add_comparison(report, new.embeddings.ids, compare(known, new))
    report.print()


def part(galaxies: Galaxies, rows: slice) -> Galaxies:
    """Some of the galaxies."""
    embeddings = galaxies.embeddings.rows(np.arange(len(galaxies.photometry))[rows])
    shape, softened = galaxies.shape[rows], galaxies.softened[rows]
    return Galaxies(embeddings, galaxies.photometry[rows], shape, softened, None, 0.0)


if __name__ == "__main__":
    main()
