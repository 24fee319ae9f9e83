"""Safe reading of others' weights and settings: no code is run, sizes are checked first."""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
    """Read a file of torch without running anything that it holds, on the CPU.

    Args:
        path: A zip, as torch writes since 2020, whose tensors are mapped; or an older pickle.

    Returns:
        What was saved.

    Raises:
        ValueError: If it is damaged, or holds more than plain tensors and values.
    """
    check_records(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # of old pickles, which are refused
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except Exception as error:  # a damaged pickle can raise anything at all
        kind = type(error).__name__
        raise ValueError(
            f"{path}: not a checkpoint of plain tensors, or cut short ({kind})"
        ) from error


def check_tensors(state: Mapping[Any, Any], where: str) -> None:
    """See that a state dict holds tensors of numbers that are there.

    Args:
        state: Names and tensors.
        where: What to name in an error.

    Raises:
        ValueError: Naming the first that is no tensor, is on the meta device, sparse or the like,
            or is larger than the numbers that it is made of.
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
    """See that settings are what a YAML can say.

    Args:
        settings: Names and values, tables in lists in tables; or None.
        where: What to name in an error.

    Raises:
        ValueError: Naming the first that is a tensor or no number, or if there are too many.
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
    """Build a network for its shapes alone: tensors have no numbers inside of this context.

    Args:
        tensors: Of the file that is for it; far more parameters than that are refused.

    Raises:
        ValueError: If there are.
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
    """Build a network and give it weights, whose shapes are compared before it takes memory.

    Args:
        make: Builds the network.
        weights: All of its tensors.

    Returns:
        The network, in evaluation mode.

    Raises:
        ValueError: If there is no such network, or naming the first tensor that does not fit.
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
    """Raise a ``ValueError`` for the first tensor that is not one of a network, or lacks in it."""
    ours = network.state_dict()
    for name in sorted(ours.keys() ^ weights.keys()):
        raise ValueError(f"{'lacks' if name in ours else 'has an unknown'} tensor {name}")
    for name, tensor in ours.items():
        found, wanted = tuple(weights[name].shape), tuple(tensor.shape)
        if found != wanted:
            raise ValueError(f"{name} is {found}, the model's {wanted}")
