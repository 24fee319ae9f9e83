"""The verb ``simulate`` of every project: shards with a bar while they are written."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from sciformer.arguments import check_least
from sciformer.data.shards.index import Recipe
from sciformer.data.shards.writer import remove_shards, write_shards
from sciformer.files import check_writable
from sciformer.progress import progress


def simulate(
    out: str,
    make_sample: Callable[[int], Mapping[str, Any]],
    recipe: Recipe,
    workers: int = 0,
    overwrite: bool = False,
) -> None:
    """Write a data set, with a bar on stderr if that is a terminal, and say what was written.

    Args:
        out: The folder; finished shards of the same recipe are kept.
        make_sample: Number of a sample -> its fields; picklable where there are workers.
        recipe: What is written.
        workers: Processes that write shards; 0 writes in this one.
        overwrite: Replace the shards that are there.

    Raises:
        ValueError: For numbers that cannot be, a folder that cannot be written to, or one that
            holds the shards of another recipe.
    """
    recipe.check()
    check_least(workers=(workers, 0), seed=(recipe.seed, 0))
    folder = check_writable(out, "out")
    if overwrite:
        remove_shards(folder)
    with progress("samples", recipe.count) as show:
        index = write_shards(folder, make_sample, recipe, show, workers)
    mib = sum(shard.size for shard in index.shards) / 2**20
    sys.stdout.write(f"{out}: {recipe.count} samples in {recipe.shards} shards, {mib:.1f} MiB\n")
