"""Safe reading of checkpoints: no code is run, and content is checked before use.

Does not import Lightning, so that reading a checkpoint is fast.
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from sciformer.allowlist import check_plain
from sciformer.arguments import ArgumentError, with_tables
from sciformer.text import did_you_mean, hide_secrets, reason, single_line
from sciformer.training.checkpoints import hub, shipped
from sciformer.training.checkpoints.distrust import (
    check_settings,
    check_tensors,
    compare,
    without_memory,
)
from sciformer.training.checkpoints.migrations import DATA as DATA
from sciformer.training.checkpoints.migrations import FORMAT, MIGRATIONS
from sciformer.training.checkpoints.migrations import STAMP as STAMP
from sciformer.training.checkpoints.original_weights import Original, as_checkpoint, content_of

Module = TypeVar("Module", bound=nn.Module)
Built = TypeVar("Built")

RESUMED = {  # what a training goes on from
    "optimizer_states": list,
    "lr_schedulers": list,
    "loops": dict,
    "callbacks": dict,
    "epoch": int,
    "global_step": int,
}
SETTINGS = {"hyper_parameters": "model", DATA: "data"}
COUNTS = ("epoch", "global_step")
COSTS = ("cpu_s", "wall_s", "peak_gib")  # numbers of a run
PARTS = (STAMP, "state_dict", "hyper_parameters")  # dicts that each has


def find(path: str | Path) -> Path:
    """Find a checkpoint.

    Args:
        path: The file itself; a run folder (its ``last.ckpt``); a folder of ``save_pretrained``
            (its ``model.safetensors``); ``PROJECT/NAME``, a network that a project ships, if there
            is no such file; or ``hub:NAME/REPO[/FILE][@revision]``.

    Returns:
        An existing file.

    Raises:
        ValueError: If there is none.
    """
    if str(path).startswith(hub.PREFIX):
        return hub.find(str(path))
    path, own = Path(path), shipped.networks()
    if not path.exists() and path.as_posix() in own:
        return own[path.as_posix()]
    found = path / "last.ckpt" if path.is_dir() else path
    if not found.is_file() and (path / hub.WEIGHTS).is_file():
        return path / hub.WEIGHTS
    if not found.is_file():
        raise ValueError(f"{found}: no such checkpoint{did_you_mean(path.as_posix(), own)}")
    return found


def read(path: str | Path, original: Original | None = None) -> dict[str, Any]:
    """Read a checkpoint: tensors and plain values only, on the CPU.

    Args:
        path: A checkpoint, or a file written by ``sciformer export``.
        original: If given, the file may also hold weights of a paper's original code, as published
            or as converted; they are read as a checkpoint of our module.

    Returns:
        Lightning's ``state_dict``, ``hyper_parameters`` and so on, and our own record; older
        formats are converted.

    Raises:
        ValueError: If the file is missing, damaged, contains code, was not written by sciformer, or
            has a newer format.
    """
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such checkpoint")
    parts = _parts(path, original)
    if not all(isinstance(parts.get(key), dict) for key in PARTS):
        raise ValueError(f"{path}: a checkpoint that sciformer did not write")
    check_tensors(parts["state_dict"], f"{path}: state_dict")
    for key in (*SETTINGS, STAMP):
        check_settings(parts.get(key), f"{path}: {key}")
    for key, group in SETTINGS.items():
        try:
            check_plain(group, parts.get(key))  # no parser may take it for a class
        except ArgumentError as error:
            raise ValueError(f"{path}: {error}") from error
    for key in COUNTS:
        if type(parts.get(key, 0)) is not int:
            said = single_line(str(parts[key]))[:100]
            raise ValueError(f"{path}: {key}: {said} is no whole number")
    _migrate(path, parts)
    return parts


def _parts(path: str | Path, original: Original | None) -> dict[str, Any]:
    """Content of a file; of the original's weights, that of a checkpoint that would hold them."""
    try:
        content = content_of(path)
    except ValueError:
        if original is None or not original.pickles:
            raise
        content = None
    if original is None or (isinstance(content, dict) and STAMP in content):
        return content if isinstance(content, dict) else {}
    record = {"module": original.module, "bases": [], "run": {"original": Path(path).name}}
    return as_checkpoint(original, path, content) | {STAMP: {"format": FORMAT, **record}}


def _migrate(path: str | Path, checkpoint: dict[str, Any]) -> None:
    """Convert a checkpoint to the present format; reject newer or incomplete ones."""
    stamp = checkpoint[STAMP]
    number = stamp.get("format")
    if type(number) is not int or number not in (FORMAT, *MIGRATIONS):  # True is 1
        raise ValueError(
            f"{path}: format {number!r}, but this version reads formats up to {FORMAT}"
        )
    if not isinstance(stamp.get("bases", []), list):
        raise ValueError(f"{path}: bases: {stamp['bases']!r} is no list of classes")
    run = stamp.get("run")
    if not isinstance(run, dict) or not isinstance(run.get("versions", {}), dict):
        raise ValueError(f"{path}: has no record of its run")
    for key in COSTS:
        if not isinstance(run.get(key), int | float | None):
            raise ValueError(f"{path}: run: {key}: {run[key]!r} is no number")
    for older in range(number, FORMAT):
        MIGRATIONS[older](checkpoint)
        stamp["format"] = older + 1


def stamp(checkpoint: dict[str, Any], module: nn.Module, run: Mapping[str, Any]) -> None:
    """Add format, class of the module with its base classes, and run record to a checkpoint.

    Args:
        checkpoint: Content to be saved.
        module: Module in training.
        run: Record of the training.
    """
    kinds = [kind for kind in type(module).__mro__ if issubclass(kind, nn.Module)]
    own, *bases = map(class_path, kinds)
    checkpoint[STAMP] = {"format": FORMAT, "module": own, "bases": bases, "run": hide_secrets(run)}
    if DATA in checkpoint:
        checkpoint[DATA] = hide_secrets(checkpoint[DATA])  # of addresses


def run_record(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Record of the training in a checkpoint (see ``callbacks.RunRecord``)."""
    return dict(checkpoint[STAMP]["run"])


def class_path(kind: type) -> str:
    """Import path of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def check_class(path: str | Path, checkpoint: Mapping[str, Any], kind: type[nn.Module]) -> None:
    """Check that a checkpoint belongs to a class or to a subclass of it, which is warned of.

    Args:
        path: Path of the checkpoint.
        checkpoint: Its content.
        kind: Expected class.

    Raises:
        ValueError: Naming the file and the class that wrote it.
    """
    stamp = checkpoint[STAMP]
    written_by, bases = stamp.get("module"), stamp.get("bases", [])
    if class_path(kind) not in (written_by, *bases):
        raise ValueError(f"{path}: holds a {written_by}, not a {class_path(kind)}")
    if written_by != class_path(kind):
        line = f"{path}: written by {written_by}, and read as its base {kind.__name__}"
        warnings.warn(f"{line}; import it first (--model {written_by})", stacklevel=2)


def check(path: str | Path, checkpoint: Mapping[str, Any], module: nn.Module) -> None:
    """Check that a checkpoint fits a module, before anything is loaded or written.

    Args:
        path: Path of the checkpoint.
        checkpoint: Its content.
        module: Module to load it into.

    Raises:
        ValueError: Naming the file and the first tensor that does not fit.
    """
    check_class(path, checkpoint, type(module))
    try:
        compare(checkpoint["state_dict"], module)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def check_resumable(path: str | Path, checkpoint: Mapping[str, Any]) -> None:
    """Check that training can resume from a checkpoint.

    Args:
        path: Path of the checkpoint.
        checkpoint: Its content.

    Raises:
        ValueError: If it holds only weights, or no optimizer state.
    """
    if not checkpoint.keys() >= RESUMED.keys():
        raise ValueError(f"{path}: weights alone, from which no training goes on")
    for key, kind in RESUMED.items():
        if not isinstance(checkpoint[key], kind):
            raise ValueError(f"{path}: {key}: a {type(checkpoint[key]).__name__}")
    states = checkpoint["optimizer_states"]
    known = [isinstance(s, dict) and s.keys() >= {"state", "param_groups"} for s in states]
    if not all(known) or not known:
        raise ValueError(f"{path}: optimizer_states: not the state of an optimizer")


def build(path: str | Path, kind: Callable[..., Built], settings: Mapping[str, Any]) -> Built:
    """Build an object from the settings in a checkpoint.

    Args:
        path: Path of the checkpoint.
        kind: Class of the object.
        settings: Arguments of the class.

    Returns:
        A new object.

    Raises:
        ValueError: Naming the file, if the arguments are invalid.
    """
    try:
        return kind(**with_tables(kind, settings))
    except (
        Exception
    ) as error:  # no parser has seen these settings: a class may say anything of them
        name = getattr(kind, "__name__", kind)
        raise ValueError(f"{path}: not the settings of a {name}: {reason(error)}") from error


def load(path: str | Path, kind: type[Module]) -> Module:
    """Build the module of a checkpoint with its hyperparameters and weights, in evaluation mode.

    Args:
        path: A checkpoint, a run folder, or weights of the original of this class, as published or
            as converted.
        kind: Class of the module, or a base class of it.

    Returns:
        A new module, of the subclass that wrote the checkpoint if it is imported already: a file
        never imports code.

    Raises:
        ValueError: As in :func:`read` and :func:`check`.
    """
    path = find(path)
    return restored(path, read(path, getattr(kind, "original", None)), kind)


def restored(path: Path, checkpoint: Mapping[str, Any], kind: type[Module]) -> Module:
    """Build the module of a checkpoint that has been read; see :func:`load`."""
    kind, settings = _known(checkpoint, kind), checkpoint["hyper_parameters"]
    check_class(path, checkpoint, kind)
    weights = checkpoint["state_dict"]
    with without_memory(len(weights)):
        check(path, checkpoint, build(path, kind, settings))
    module = build(path, kind, settings)
    module.load_state_dict(weights)
    return module.eval()


def _known(checkpoint: Mapping[str, Any], kind: type[Module]) -> type[Module]:
    """Class that wrote a checkpoint if it is imported already, else ``kind``."""
    written_by, kinds = checkpoint[STAMP].get("module"), [kind]
    for each in kinds:
        if class_path(each) == written_by:
            return each
        kinds += each.__subclasses__()
    return kind
