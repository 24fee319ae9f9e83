"""Formats of a checkpoint, and what changed from each to the next."""

from collections.abc import Callable
from typing import Any

from sciformer.data.splits import DRAWN, SHARES

FORMAT = 4
STAMP = "sciformer"  # the key under which our own record lies in a checkpoint
DATA = "datamodule_hyper_parameters"


def _count_ranks(checkpoint: dict[str, Any]) -> None:
    """Format 2 records the number of processes, each of which used ``cpu_s``."""
    checkpoint[STAMP]["run"]["ranks"] = 1


def _name_best(checkpoint: dict[str, Any]) -> None:
    """Format 3 stores the best checkpoint under a name that no user callback has."""
    callbacks = checkpoint.get("callbacks")
    names = [name for name in callbacks or () if str(name).startswith("ModelCheckpoint{")]
    if isinstance(callbacks, dict) and len(names) == 1:
        callbacks["KeepBest"] = callbacks.pop(names[0])


def _draw_splits(checkpoint: dict[str, Any]) -> None:
    """Format 4 ranks samples for the splits; before, each drew its own."""
    data = checkpoint.get(DATA)
    if isinstance(data, dict) and "splits" in data:
        data["splits"] = {**(data["splits"] or SHARES), DRAWN: 1.0}


MIGRATIONS: dict[int, Callable[[dict[str, Any]], None]] = {
    1: _count_ranks,
    2: _name_best,
    3: _draw_splits,
}
