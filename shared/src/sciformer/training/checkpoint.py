"""Checkpoints: read without running what they hold, and checked before use.

Plain torch, so that who only reads a checkpoint does not wait for Lightning.
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from sciformer.allowlist import check_plain
from sciformer.arguments import ArgumentError
from sciformer.training.plain import PLAIN, read_plain

Module = TypeVar("Module", bound=nn.Module)
Built = TypeVar("Built")

FORMAT = 2
STAMP = "sciformer"  # the key under which our own record lies in a checkpoint
RESUMED = {"optimizer_states", "lr_schedulers", "loops", "callbacks", "epoch", "global_step"}
SETTINGS = {"hyper_parameters": "model", "datamodule_hyper_parameters": "data"}
PARTS = (STAMP, "state_dict", "hyper_parameters")  # dicts that each has


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
    parts = checkpoint if isinstance(checkpoint, dict) else {}
    if not all(isinstance(parts.get(key), dict) for key in PARTS):
        raise ValueError(f"{path}: a checkpoint that sciformer did not write")
    for name, tensor in parts["state_dict"].items():
        if not isinstance(tensor, torch.Tensor):
            raise ValueError(f"{path}: state_dict: {name}: {tensor!r} is not a tensor")
    for key, group in SETTINGS.items():
        try:
            check_plain(group, parts.get(key))  # no parser may take it for a class
        except ArgumentError as error:
            raise ValueError(f"{path}: {error}") from error
    _migrate(path, parts)
    return parts


def _migrate(path: str | Path, checkpoint: dict[str, Any]) -> None:
    """Bring a checkpoint to the present format, or refuse one that is newer or lacks its parts."""
    stamp = checkpoint[STAMP]
    number = stamp.get("format")
    if type(number) is not int or number not in (FORMAT, *MIGRATIONS):  # True is 1
        raise ValueError(
            f"{path}: format {number!r}, but this version reads formats up to {FORMAT}"
        )
    if not isinstance(stamp.get("run"), dict):
        raise ValueError(f"{path}: has no record of its run")
    for older in range(number, FORMAT):
        MIGRATIONS[older](checkpoint)
        stamp["format"] = older + 1


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


def check_resumable(path: str | Path, checkpoint: Mapping[str, Any]) -> None:
    """See that a training can go on from a checkpoint.

    Args:
        path: Where it was read from.
        checkpoint: Its content.

    Raises:
        ValueError: If it holds the weights alone, or not the state of an optimizer.
    """
    if not checkpoint.keys() >= RESUMED:
        raise ValueError(f"{path}: weights alone, from which no training goes on")
    states = checkpoint["optimizer_states"]
    if not states or not all(s.keys() >= {"state", "param_groups"} for s in states):
        raise ValueError(f"{path}: optimizer_states: not the state of an optimizer")


def build(path: str | Path, kind: Callable[..., Built], settings: Mapping[str, Any]) -> Built:
    """Build an object with the settings of a checkpoint.

    Args:
        path: Where they were read from.
        kind: Its class.
        settings: Its arguments.

    Returns:
        A new object.

    Raises:
        ValueError: Naming the file, if these are no such arguments.
    """
    try:
        return kind(**settings)
    except (TypeError, ValueError) as error:
        name = getattr(kind, "__name__", kind)
        raise ValueError(f"{path}: not the settings of a {name}: {error}") from error


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
    check_class(path, checkpoint, kind)
    module = build(path, kind, checkpoint["hyper_parameters"])
    check(path, checkpoint, module)
    module.load_state_dict(checkpoint["state_dict"])
    return module.eval()
