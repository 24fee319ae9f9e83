"""The answers of a run of a study, kept beside its checkpoint."""

from pathlib import Path

import numpy as np

from sciformer.data.npy import read_arrays
from sciformer.files import up_to_date, write_atomically
from sciformer.text import reason
from sciformer.training.checkpoints import checkpoint
from xval.evaluation.comparison import Comparison
from xval.evaluation.evaluate import measure, open_data, open_module

PLAIN = ("texts", "tokens", "cpu_s")  # numbers of a set


def tested(path: Path) -> list[Comparison]:
    """Ask a network about the test texts of its own data, once.

    Args:
        path: Of the checkpoint; the answers are kept beside it.

    Returns:
        Its answers, set by set.
    """
    kept = path.with_name(f"test-{path.stem}.npz")
    if not up_to_date(kept, path):
        source, training = open_data(path, checkpoint.read(path))
        sets = list(measure(open_module(path, "cpu"), source, training))
        write_atomically(kept, lambda beside: _write(beside, sets))
    return _read(kept)


def _write(path: Path, sets: list[Comparison]) -> None:
    arrays: dict[str, np.ndarray] = {}
    for number, each in enumerate(sets):
        parts = {"name": each.name, "fields": each.fields, "asked": each.asked, "truth": each.truth}
        parts |= {name: getattr(each, name) for name in PLAIN}
        parts |= {f"answers.{method}": values for method, values in each.answers.items()}
        arrays |= {f"{number}.{name}": np.array(part) for name, part in parts.items()}
    with path.open("wb") as file:  # numpy puts .npz behind the name of a path
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]  # allow_pickle is no array


def _read(path: Path) -> list[Comparison]:
    sets: dict[str, dict[str, np.ndarray]] = {}
    for key, array in read_arrays(path).items():
        number, _, name = key.partition(".")
        sets.setdefault(number, {})[name] = array
    try:
        return [_compared(parts) for parts in sets.values()]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: damaged: {reason(error)}") from error


def _compared(parts: dict[str, np.ndarray]) -> Comparison:
    return Comparison(
        str(parts["name"]),
        parts["fields"].tolist(),
        parts["asked"],
        parts["truth"],
        {k.removeprefix("answers."): v for k, v in parts.items() if k.startswith("answers.")},
        *(parts[name].item() for name in PLAIN),
    )
