"""Safe reading of untrusted weights and settings: no code is run, sizes are checked first."""

import math
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any, TypeVar
from zipfile import is_zipfile

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from sciformer.text import reason
from sciformer.training.checkpoints.intact import check_records

Network = TypeVar("Network", bound=nn.Module)

VALUES = 100_000  # in settings; lists that hold one list twice can unfold to billions
SHARED = 4  # times that the numbers of a file may be those of several tensors
SPARE = 1000  # parameters of a network beyond what a file has tensors


def load_torch(path: str | Path) -> Any:
    """Load a file of torch on the CPU without running any code in it.

    Args:
        path: A zip file, torch's format since 2020, whose tensors are memory-mapped; or an older
            pickle.

    Returns:
        Content of the file.

    Raises:
        ValueError: If it is damaged, or contains anything but tensors and plain values.
    """
    check_records(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # of old pickles, which are refused
            if is_zipfile(path):
                return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            with _Sized(FileIO(path)) as file:
                return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything at all
        kind = type(error).__name__
        raise ValueError(
            f"{path}: not a checkpoint of plain tensors, or cut short ({kind})"
        ) from error


class _Sized(BufferedReader):
    """A file that allocates no more than it still holds, whatever length a pickle claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size >= 0:
            size = max(0, min(size, os.fstat(self.fileno()).st_size - self.tell()))
        return super().read(size)


def check_tensors(state: Mapping[Any, Any], where: str) -> None:
    """Check that a state dict holds dense tensors with data.

    Args:
        state: State dict.
        where: Name in errors.

    Raises:
        ValueError: Naming the first value that is not a tensor, is on the meta device, is sparse or
            similar, or has a larger size than its storage.
    """
    numbers: dict[int, int] = {}  # where they are -> bytes
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            kind = type(tensor).__name__
            raise ValueError(f"{where}: {str(name)[:100]} is a {kind}, not a tensor")
        plain = tensor.layout == torch.strided and not (tensor.is_nested or tensor.is_quantized)
        if not plain or tensor.device.type != "cpu":
            what = "without numbers" if tensor.is_meta else "not of plain numbers"
            raise ValueError(f"{where}: {name}: a tensor {what}")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            shape = tuple(tensor.shape)
            raise ValueError(f"{where}: {name}: shape {shape} is larger than what the file holds")
        numbers[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
    total = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    if total > SHARED * sum(numbers.values()):
        raise ValueError(f"{where}: its tensors share their numbers, more than {SHARED} times")


def check_settings(settings: Any, where: str) -> None:
    """Check that settings are plain data, as in a YAML.

    Args:
        settings: Nested settings; or None.
        where: Name in errors.

    Raises:
        ValueError: Naming the first value that is a tensor or NaN, or if there are too many.
    """
    if not isinstance(settings, Mapping | None):
        raise ValueError(f"{where}: a {type(settings).__name__}, not names and values")
    waiting: list[tuple[str, Any]] = [
        (f"{where}: {name}", v) for name, v in (settings or {}).items()
    ]
    for _ in range(VALUES):
        if not waiting:
            return
        name, value = waiting.pop()
        if isinstance(value, Tensor) or (isinstance(value, float) and math.isnan(value)):
            what = "a tensor" if isinstance(value, Tensor) else "no number"
            raise ValueError(f"{name[:200]}: {what}")
        if isinstance(value, Mapping):
            waiting += [(f"{name}.{key}"[:200], item) for key, item in value.items()]
        elif isinstance(value, list | tuple | set):
            waiting += [(name, item) for item in value]
    raise ValueError(f"{where}: more than {VALUES} values")


@contextmanager
def without_memory(tensors: int) -> Iterator[None]:
    """Build networks without memory for their parameters (meta device) in this context.

    Args:
        tensors: Tensors of the file to load; networks with far more parameters are rejected.

    Raises:
        ValueError: If the network is too large.
    """
    left = tensors + SPARE

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError(f"settings of a larger network than that of {tensors} tensors")

    hook = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"):
            yield
    finally:
        hook.remove()


def fitted(make: Callable[[], Network], weights: Mapping[str, Tensor]) -> Network:
    """Build a network and load weights; shapes are compared before memory is allocated.

    Args:
        make: Function that builds the network.
        weights: State dict.

    Returns:
        Network in evaluation mode.

    Raises:
        ValueError: If the network cannot be built, or naming the first tensor that does not fit.
    """
    check_tensors(weights, "weights")
    try:
        with without_memory(len(weights)):
            shapes = make()
    except Exception as error:  # no parser has seen the settings of others
        raise ValueError(f"no settings of a network: {reason(error)}") from error
    compare(weights, shapes)
    network = make()
    network.load_state_dict(weights)
    return network.eval()


def compare(weights: Mapping[str, Tensor], network: nn.Module) -> None:
    """Raise ``ValueError`` for the first tensor that is unexpected, missing or of another shape."""
    ours = network.state_dict()
    for name in sorted(ours.keys() ^ weights.keys()):
        raise ValueError(f"{'lacks' if name in ours else 'has an unknown'} tensor {name}")
    for name, tensor in ours.items():
        found, wanted = tuple(weights[name].shape), tuple(tensor.shape)
        if found != wanted:
            raise ValueError(f"{name} is {found}, the model's {wanted}")
