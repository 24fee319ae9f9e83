"""A step of an alignment with frozen encoders: run at every step, and read from their cache.

    python tests/benchmarks/astroclip_cache.py [--quick]

Both encoders with a transformer of four blocks beside what they measure, as the objectives
``image`` and ``spectrum`` leave them, batches of 512 as in the configurations: reading, loss,
backward, AdamW. Interleaved, CPU time of one thread. ``--quick`` takes batches of 128, a quarter
of the work for the same optimizer. Exits with 1 where the bound does not hold.
"""

import sys
import tempfile
from pathlib import Path

import torch
from astroclip_networks import Calls, race, show
from script import parsed

from astroclip.data.batch import Batch, Features
from astroclip.data.datamodule import GalaxyData
from astroclip.data.feature_cache import CachedFeatures, folder_of, keep
from astroclip.module import Align, AstroCLIPModule, Network

GALAXIES, DEPTH = 512, 4
PLAIN, CACHED = "encoders at every step", "from the cache"
BOUND = 20.0


def main() -> None:
    """Measure, print a table, exit with 1 where the bound does not hold."""
    args = parsed(__doc__, "small batches, few rounds")
    galaxies = GALAXIES // 4 if args.quick else GALAXIES
    with tempfile.TemporaryDirectory() as folder:
        times = race(steps(Path(folder), galaxies), rounds=3 if args.quick else 10)
    if show(f"frozen alignment, {galaxies} galaxies a step", times, PLAIN, {CACHED: BOUND}):
        sys.exit(f"below the bound: {CACHED}")


def steps(root: Path, galaxies: int) -> Calls:
    """A training step from galaxies, and from what frozen encoders have seen of them."""
    data = GalaxyData(pairs=galaxies, batch_size=galaxies)
    data.setup("fit")
    module = AstroCLIPModule(
        network=Network(image_depth=DEPTH, spectrum_depth=DEPTH),
        alignment=Align(frozen=["image", "spectrum"]),
        steps=1000,
    )
    folder = folder_of(str(root), module.model, data.hparams)
    keep(folder, module.model, data.loader("train"))
    cache = CachedFeatures(folder)
    batch = next(iter(data.loader("train")))
    (optimizer,), _ = module.configure_optimizers()
    draw = torch.Generator()

    def step(batch: Batch | Features) -> None:
        optimizer.zero_grad()
        module.learning(batch, draw, done=1.0)["loss"].backward()
        optimizer.step()

    numbers = list(range(galaxies))
    return {PLAIN: lambda: step(batch), CACHED: lambda: step(cache.__getitems__(numbers))}


if __name__ == "__main__":
    main()
