"""Shared part of the ``simulate`` commands: write shards with a progress bar."""

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
    """Write a data set, with a progress bar if stderr is a terminal, and print a summary.

    Args:
        out: Output folder; finished shards of the same recipe are kept.
        make_sample: Sample index -> fields; must be picklable if there are workers.
        recipe: Recipe of the data set.
        workers: Number of processes that write shards; 0 writes in the main process.
        overwrite: Replace existing shards.

    Raises:
        ValueError: For numbers out of range, a folder that is not writable, or one that holds
            shards of another recipe.
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
