"""Read the weights of a paper's original code without running any code."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

from sciformer.files import new_file
from sciformer.text import reason
from sciformer.training.checkpoints.distrust import check_settings, check_tensors, load_torch
from sciformer.training.checkpoints.migrations import DATA
from sciformer.training.checkpoints.safetensors import PLAIN, export_safetensors, read_plain

PREFIXES = re.compile(r"^((module|_orig_mod)\.)+")  # of DDP and torch.compile
FORMAT = 1
T = TypeVar("T")
Metadata = dict[str, Any]


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


class Original(NamedTuple):
    """How weights of a paper's original code become a checkpoint of our module.

    Args:
        module: Import path of the LightningModule; its package is the key in converted files.
        translate: Function from a state dict, the whole content of its file and the file's path to
            our network and further metadata of a converted file.
        arguments: Function from the settings of our network and that metadata to the arguments of
            the LightningModule and of its DataModule.
        prefix: Prefix of the network's parameters in the LightningModule.
        pickles: Context in which pickled objects of such a file are passed over; None if it has
            tensors and plain values only.
    """

    module: str
    translate: Callable[[dict[str, Tensor], Mapping[str, Any], Path], tuple[Converted, Metadata]]
    arguments: Callable[[Metadata, Metadata], tuple[Metadata, Metadata]]
    prefix: str = "model."
    pickles: Callable[[str], AbstractContextManager[Any]] | None = None

    @property
    def project(self) -> str:
        """Name of the project."""
        return self.module.partition(".")[0]


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
    return _state_of(path, content_of(path))


def convert_file(
    original: Original,
    path: str,
    out: str,
    overwrite: bool = False,
    **options: Any,
) -> Converted:
    """Convert the weights in a file of the original; errors name the file.

    Args:
        original: Kind of the original.
        path: A .pt or .tar file with a checkpoint or state dict, or a .safetensors file.
        out: Output .safetensors file; its suffix is checked first.
        overwrite: Allow an existing file to be replaced.
        **options: Further arguments of ``original.translate``.

    Returns:
        Our network.

    Raises:
        ValueError: If the original cannot be read or converted, or ``out`` has another suffix or
            exists.
    """
    if Path(out).suffix != PLAIN:
        raise ValueError(f"out: {out} does not end in {PLAIN}")
    new_file(out, overwrite)
    converted, more = _translated(original, path, None, **options)
    write_converted(original.project, out, converted, **more)
    return converted


def as_checkpoint(original: Original, path: str | Path, content: Any) -> dict[str, Any]:
    """Weights of the original, as published or as converted, as a checkpoint without our record.

    Args:
        original: Kind of the original.
        path: Path of the file.
        content: Its content; None reads it with ``original.pickles``.

    Returns:
        Settings and weights.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(content, dict) and original.project in content:
        converted, more = _converted(original.project, path, content)
    else:
        converted, more = _translated(original, path, content)
    try:
        model, data = original.arguments(converted.settings, more)
    except Exception as error:  # no parser has seen the settings of a converted file
        raise ValueError(f"{path}: {reason(error)}") from error
    weights = {f"{original.prefix}{name}": tensor for name, tensor in converted.weights.items()}
    return {"hyper_parameters": model, DATA: data, "state_dict": weights}


def _translated(
    original: Original, path: str | Path, content: Any, **options: Any
) -> tuple[Converted, Metadata]:
    if content is None:
        with original.pickles(str(path)) if original.pickles else nullcontext():
            content = content_of(path)
    state = _state_of(path, content)
    with _naming(path):
        return original.translate(state, content, Path(path), **options)


@contextmanager
def _naming(path: str | Path) -> Iterator[None]:
    """Name the file in errors of this context."""
    try:
        yield
    except ValueError as error:
        said = str(error)
        raise ValueError(said if str(path) in said else f"{path}: {said}") from error


def _state_of(path: str | Path, content: Any) -> dict[str, Tensor]:
    for key in ("state_dict", "model_state", "teacher"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise ValueError(f"{path}: a {type(content).__name__} and no state dict")
    return content


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
    return _converted(stamp, path, content_of(path))


def _converted(stamp: str, path: str | Path, content: dict[str, Any]) -> tuple[Converted, Metadata]:
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


def content_of(path: str | Path) -> Any:
    """Content of a .safetensors file or of a file of torch, without running any code in it."""
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file")
    return read_plain(path) if Path(path).suffix == PLAIN else load_torch(path)
