"""Reading of the weights of a paper's own code without running any code."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

from sciformer.files import new_file
from sciformer.text import reason
from sciformer.training.checkpoints.distrust import check_settings, check_tensors, load_torch
from sciformer.training.checkpoints.safetensors import PLAIN, export_safetensors, read_plain

PREFIXES = re.compile(r"^((module|_orig_mod)\.)+")  # of DDP and torch.compile
FORMAT = 1
T = TypeVar("T")


class Converted(NamedTuple):
    """What became of the original's state dict.

    Args:
        settings: Arguments of our network; of each part of it where it has several.
        weights: Its state dict.
        dropped: Names of parameters that the original keeps and never uses.
    """

    settings: dict[str, Any]
    weights: dict[str, Tensor]
    dropped: list[str]


class Source:
    """A state dict of the original, taken one by one, so that nothing is missed or left over.

    Args:
        state: Names and tensors; prefixes of DDP and torch.compile are dropped.

    Raises:
        ValueError: If something else than tensors is in it.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.left = {PREFIXES.sub("", str(name)): value for name, value in state.items()}
        self.dropped: list[str] = []
        check_tensors(self.left, "state dict")

    def sizes(self, name: str, axes: int) -> tuple[int, ...]:
        """The shape of a parameter of so many axes."""
        if name not in self.left:
            raise ValueError(f"{name} is missing: no state dict of the original")
        shape = tuple(self.left[name].shape)
        if len(shape) != axes:
            raise ValueError(f"{name} has shape {shape}, not {axes} axes")
        return shape

    def take(self, name: str, *shape: int) -> Tensor:
        """A parameter of a known shape."""
        if name not in self.left:
            raise ValueError(f"{name} of shape {shape} is missing")
        found = tuple(self.left[name].shape)
        if found != shape:
            raise ValueError(f"{name} has shape {found}, not {shape}")
        return self.left.pop(name).detach()

    def drop(self, name: str, *shape: int) -> None:
        """Leave out a parameter that the original never uses; it may be missing."""
        if name in self.left:
            self.take(name, *shape)
            self.dropped.append(name)

    def drop_all(self, *prefixes: str) -> None:
        """Leave out whatever begins so."""
        self.dropped += [name for name in self.left if name.startswith(prefixes)]
        self.left = {name: left for name, left in self.left.items() if name not in self.dropped}

    def count(self, prefix: str) -> int:
        """One more than the last of numbered parts, such as ``blocks.0.``, ``blocks.1.``."""
        pattern = re.compile(rf"{re.escape(prefix)}\.(\d+)\.")
        numbers = [found[1] for name in self.left if (found := pattern.match(name))]
        return 1 + max(map(int, numbers), default=-1)

    def check_empty(self) -> None:
        """See that nothing is left."""
        for name, value in self.left.items():
            raise ValueError(f"{name} of shape {tuple(value.shape)} is not known")


def read_original(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict without running anything that a file holds.

    Args:
        path: A .pt or .tar file, a checkpoint or a bare state dict, or a .safetensors file.

    Returns:
        Names and tensors.

    Raises:
        ValueError: If the file is missing, damaged, or holds more than plain tensors.
    """
    content = _read(path)
    for key in ("state_dict", "model_state", "teacher"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise ValueError(f"{path}: a {type(content).__name__} and no state dict")
    return content


def translate_file(
    original: str,
    out: str,
    translate: Callable[[dict[str, Tensor]], Converted],
    overwrite: bool = False,
) -> Converted:
    """Translate the state dict in a file; complaints name the file.

    Args:
        original: As ``read_original`` takes it.
        out: The .safetensors file that will be written; asked for its ending first.
        translate: The state dict -> what became of it.
        overwrite: Whether ``out`` may replace a file that is there.

    Returns:
        What ``translate`` gives.

    Raises:
        ValueError: If the original cannot be read or is none, or ``out`` has another ending or is
            there.
    """
    if Path(out).suffix != PLAIN:
        raise ValueError(f"out: {out} does not end in {PLAIN}")
    new_file(out, overwrite)
    try:
        return translate(read_original(original))
    except ValueError as error:
        said = str(error)
        raise ValueError(said if original in said else f"{original}: {said}") from error


def write_converted(stamp: str, out: str, converted: Converted, **more: Any) -> None:
    """Write converted weights, and what it takes to build their network.

    Args:
        stamp: Name of the project, under which the record lies in the file.
        out: The .safetensors file to write.
        converted: Weights and settings.
        **more: What else the record is to keep.
    """
    record = {"settings": converted.settings, "dropped": converted.dropped, **more}
    export_safetensors(converted.weights, out, {stamp: {"format": FORMAT, **record}})


def read_converted(stamp: str, path: str | Path) -> tuple[Converted, dict[str, Any]]:
    """Read what :func:`write_converted` wrote.

    Args:
        stamp: Name of the project.
        path: Of the .safetensors file.

    Returns:
        Settings and weights, and the whole record.

    Raises:
        ValueError: If the file is missing, damaged or another project's.
    """
    content = _read(path)
    record = content.get(stamp)
    if not isinstance(record, dict) or record.get("format") != FORMAT or "settings" not in record:
        raise ValueError(f"{path}: not weights that {stamp} convert wrote in format {FORMAT}")
    if not isinstance(record["settings"], dict):
        raise ValueError(f"{path}: settings: a {type(record['settings']).__name__}")
    check_settings(record, f"{path}: {stamp}")
    dropped = record.get("dropped", [])  # which older files of xval do not say
    return Converted(record["settings"], content["state_dict"], dropped), record


def load_converted(stamp: str, path: str | Path, build: Callable[[Converted], T]) -> T:
    """The network of a file that :func:`write_converted` wrote.

    Args:
        stamp: Name of the project.
        path: Of the .safetensors file.
        build: Settings and weights -> the network.

    Returns:
        The network.

    Raises:
        ValueError: As :func:`read_converted`, or if weights and settings do not fit.
    """
    converted, _ = read_converted(stamp, path)
    try:
        return build(converted)
    except Exception as error:  # no parser has seen the settings: a class may say anything of them
        raise ValueError(f"{path}: weights and settings do not fit: {reason(error)}") from error


def _read(path: str | Path) -> Any:
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file")
    if Path(path).suffix == PLAIN:
        return read_plain(path)
    return load_torch(path)
