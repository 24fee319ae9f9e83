"""Read the weights of a paper's original code without running any code."""

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
    """Converted state dict of an original network.

    Args:
        settings: Arguments of our network, or of each of its parts.
        weights: State dict of our network.
        dropped: Names of parameters that the original stores but never uses.
    """

    settings: dict[str, Any]
    weights: dict[str, Tensor]
    dropped: list[str]


class Source:
    """An original state dict from which weights are taken one by one, so that none is missed.

    Args:
        state: State dict; prefixes of DDP and torch.compile are removed.

    Raises:
        ValueError: If it holds anything but tensors.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.left = {PREFIXES.sub("", str(name)): value for name, value in state.items()}
        self.dropped: list[str] = []
        check_tensors(self.left, "state dict")

    def sizes(self, name: str, axes: int) -> tuple[int, ...]:
        """Shape of a parameter with a given number of axes."""
        if name not in self.left:
            raise ValueError(f"{name} is missing: no state dict of the original")
        shape = tuple(self.left[name].shape)
        if len(shape) != axes:
            raise ValueError(f"{name} has shape {shape}, not {axes} axes")
        return shape

    def take(self, name: str, *shape: int) -> Tensor:
        """Take a parameter of a known shape."""
        if name not in self.left:
            raise ValueError(f"{name} of shape {shape} is missing")
        found = tuple(self.left[name].shape)
        if found != shape:
            raise ValueError(f"{name} has shape {found}, not {shape}")
        return self.left.pop(name).detach()

    def drop(self, name: str, *shape: int) -> None:
        """Drop a parameter that the original never uses; it may be missing."""
        if name in self.left:
            self.take(name, *shape)
            self.dropped.append(name)

    def drop_all(self, *prefixes: str) -> None:
        """Drop all parameters with one of these prefixes."""
        self.dropped += [name for name in self.left if name.startswith(prefixes)]
        self.left = {name: left for name, left in self.left.items() if name not in self.dropped}

    def count(self, prefix: str) -> int:
        """Highest number plus one of numbered parts, such as ``blocks.0.``, ``blocks.1.``."""
        pattern = re.compile(rf"{re.escape(prefix)}\.(\d+)\.")
        numbers = [found[1] for name in self.left if (found := pattern.match(name))]
        return 1 + max(map(int, numbers), default=-1)

    def check_empty(self) -> None:
        """Check that all parameters have been taken."""
        for name, value in self.left.items():
            raise ValueError(f"{name} of shape {tuple(value.shape)} is not known")


def read_original(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict without running any code in the file.

    Args:
        path: A .pt or .tar file with a checkpoint or state dict, or a .safetensors file.

    Returns:
        The state dict.

    Raises:
        ValueError: If the file is missing, damaged, or contains anything but tensors and plain
            values.
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
    """Convert the state dict in a file; errors name the file.

    Args:
        original: File as for ``read_original``.
        out: Output .safetensors file; its suffix is checked first.
        translate: Function that converts the state dict.
        overwrite: Allow an existing file to be replaced.

    Returns:
        Result of ``translate``.

    Raises:
        ValueError: If the original cannot be read or converted, or ``out`` has another suffix or
            exists.
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
    """Write converted weights with the settings of their network.

    Args:
        stamp: Name of the project, used as key of the metadata.
        out: Output .safetensors file.
        converted: Weights and settings.
        **more: Further metadata.
    """
    record = {"settings": converted.settings, "dropped": converted.dropped, **more}
    export_safetensors(converted.weights, out, {stamp: {"format": FORMAT, **record}})


def read_converted(stamp: str, path: str | Path) -> tuple[Converted, dict[str, Any]]:
    """Read a file written by :func:`write_converted`.

    Args:
        stamp: Name of the project.
        path: Path of the .safetensors file.

    Returns:
        Settings and weights, and all metadata.

    Raises:
        ValueError: If the file is missing, damaged or of another project.
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
    """Load the network of a file written by :func:`write_converted`.

    Args:
        stamp: Name of the project.
        path: Path of the .safetensors file.
        build: Function from settings and weights to the network.

    Returns:
        The network.

    Raises:
        ValueError: As in :func:`read_converted`, or if weights and settings do not fit.
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
