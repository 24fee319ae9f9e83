"""Checkpoints: read without running what they hold, and checked before use.

Plain torch, so that who only reads a checkpoint does not wait for Lightning.
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from sciformer.training.plain import PLAIN, read_plain

Module = TypeVar("Module", bound=nn.Module)

FORMAT = 2
STAMP = "sciformer"  # the key under which our own record lies in a checkpoint


def _count_ranks(checkpoint: dict[str, Any]) -> None:
    """Format 2 says how many processes trained, each of which used ``cpu_s``."""
    checkpoint[STAMP]["run"]["ranks"] = 1


MIGRATIONS: dict[int, Callable[[dict[str, Any]], None]] = {1: _count_ranks}  # from each format on


def find(path: str | Path) -> Path:
    """The checkpoint that a path means: itself, or the ``last.ckpt`` of a run's folder.

    Args:
        path: Of a file or a folder.

    Returns:
        A file that is there.

    Raises:
        ValueError: If there is none.
    """
    path = Path(path)
    found = path / "last.ckpt" if path.is_dir() else path
    if not found.is_file():
        raise ValueError(f"{found}: no such checkpoint")
    return found


def read(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint that this code base wrote; tensors and plain values only, on the CPU.

    Args:
        path: A checkpoint file, or what ``export`` made of one.

    Returns:
        What Lightning saved: ``state_dict``, ``hyper_parameters`` and so on, and our own record;
        of an older format, as if it were of the present one.

    Raises:
        ValueError: If the file is missing, cut short, holds anything that would have to be run to
            be read, was not written by sciformer, or has a newer format.
    """
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such checkpoint")
    checkpoint = read_plain(path) if Path(path).suffix == PLAIN else _read_torch(path)
    stamp = checkpoint.get(STAMP) if isinstance(checkpoint, dict) else None
    if not isinstance(stamp, dict) or not {"state_dict", "hyper_parameters"} <= checkpoint.keys():
        raise ValueError(f"{path}: a checkpoint that sciformer did not write")
    if stamp.get("format") not in (FORMAT, *MIGRATIONS):
        raise ValueError(
            f"{path}: format {stamp.get('format')!r}, but this version reads formats up to {FORMAT}"
        )
    for older in range(stamp["format"], FORMAT):
        MIGRATIONS[older](checkpoint)
        stamp["format"] = older + 1
    return checkpoint


def _read_torch(path: str | Path) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # of old pickles, which are refused
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a damaged pickle can raise anything at all
        raise ValueError(
            f"{path}: not a checkpoint of plain tensors, or cut short ({type(error).__name__})"
        ) from error


def stamp(checkpoint: dict[str, Any], module: nn.Module, run: Mapping[str, Any]) -> None:
    """Mark a checkpoint as ours: format, the module's class, the record of the run."""
    checkpoint[STAMP] = {"format": FORMAT, "module": class_path(type(module)), "run": dict(run)}


def run_record(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The record of the training that a checkpoint carries (see ``callbacks.RunRecord``)."""
    return dict(checkpoint[STAMP]["run"])


def class_path(kind: type) -> str:
    """The dotted path of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def check_class(path: str | Path, checkpoint: Mapping[str, Any], kind: type[nn.Module]) -> None:
    """See that a checkpoint is one of a class.

    Args:
        path: Where it was read from.
        checkpoint: Its content.
        kind: The class that must have written it.

    Raises:
        ValueError: Naming the file and the class that wrote it.
    """
    written_by = checkpoint[STAMP].get("module")
    if written_by != class_path(kind):
        raise ValueError(f"{path}: holds a {written_by}, not a {class_path(kind)}")


def check(path: str | Path, checkpoint: Mapping[str, Any], module: nn.Module) -> None:
    """See that a checkpoint fits a module, before anything is loaded or written.

    Args:
        path: Where it was read from.
        checkpoint: Its content.
        module: What it shall be loaded into.

    Raises:
        ValueError: Naming the file and the first tensor that does not fit.
    """
    theirs, ours = checkpoint["state_dict"], module.state_dict()
    check_class(path, checkpoint, type(module))
    for name in sorted(ours.keys() ^ theirs.keys()):
        side = "lacks" if name in ours else "has an unknown"
        raise ValueError(f"{path}: {side} tensor {name}")
    for name, tensor in ours.items():
        if theirs[name].shape != tensor.shape:
            raise ValueError(
                f"{path}: {name} is {tuple(theirs[name].shape)}, the model's {tuple(tensor.shape)}"
            )


def load(path: str | Path, kind: type[Module]) -> Module:
    """Build the module of a checkpoint from its hyperparameters and weights, in evaluation mode.

    Args:
        path: A checkpoint, or a run's folder.
        kind: The class that wrote it.

    Returns:
        A new module.

    Raises:
        ValueError: As :func:`read` and :func:`check`.
    """
    path = find(path)
    checkpoint = read(path)
    try:
        module = kind(**checkpoint["hyper_parameters"])
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: not the hyperparameters of a {kind.__name__}: {error}"
        ) from error
    check(path, checkpoint, module)
    module.load_state_dict(checkpoint["state_dict"])
    return module.eval()
