"""Classes and functions named in options: checked, then instantiated."""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jsonargparse import Namespace
from lightning.fabric.plugins import CheckpointIO, ClusterEnvironment, Precision
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback
from lightning.pytorch.accelerators import Accelerator
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins import LayerSync
from lightning.pytorch.profilers import Profiler
from lightning.pytorch.strategies import Strategy

from sciformer.allowlist import check_plain, names_class, values
from sciformer.arguments import ArgumentError, parameters_of
from sciformer.text import single_line

KINDS = (  # what an option of the trainer, or an argument of such an object, may be
    Accelerator,
    Callback,
    CheckpointIO,
    ClusterEnvironment,
    LayerSync,
    Logger,
    Precision,
    Profiler,
    Strategy,
)
SETTINGS = "torch.distributed."  # classes that tell a strategy how to shard
FUNCTIONS = ("torch.distributed.algorithms.", "torch.nn.", "torch.optim.")  # none opens a file


def check_named(options: Namespace, trusted: bool) -> None:
    """Reject classes in plain data, and trainer classes of the wrong kind.

    Args:
        options: Parsed options of a command.
        trusted: Whether trainer options may name any class.

    Raises:
        ArgumentError: Naming the option.
    """
    for group in ("model", "data"):
        check_plain(group, options.get(group))  # which a class without arguments lacks
    for key, value in values("trainer", options.trainer) if not trusted else ():
        if names_class(value):
            _check_class(key, value["class_path"])
        elif callable(value) and not inspect.isclass(value):
            _check_function(key, value)


class Builder:
    """Instantiates the classes named in options; its errors name the option.

    Args:
        options: Parsed options of a command.
        **groups: Classes whose arguments are options: ``model`` and ``data``.
    """

    def __init__(self, options: Namespace, **groups: type) -> None:
        found = (place for place in values("", options) if names_class(place[1]))
        self.named = [(key, value["class_path"]) for key, value in found]
        self.groups = groups
        self.refused: ValueError | None = None

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raise the error of a class instead of jsonargparse's error about types.

        Raises:
            ValueError: The first error that a class raised.
        """
        try:
            yield
        except ValueError as error:
            raise self.refused or error from error

    def __call__(self, kind: type, *positional: Any, **arguments: Any) -> Any:
        key = self._key(kind)
        try:
            check_plain(key, arguments)  # what is left has a place that takes anything
            return kind(*positional, **arguments)
        except (ValueError, ImportError, MisconfigurationException) as error:
            self.refused = self.refused or _placed(key, kind, error)
            raise self.refused from error

    def _key(self, kind: type) -> str:
        for key, group in self.groups.items():
            if kind is group:
                return key
        for index, (key, path) in enumerate(self.named):
            if _loaded(path) is kind:
                del self.named[index]  # another one of this class is built next
                return f"{key}.init_args"
        return kind.__name__


def _placed(key: str, kind: type, error: Exception) -> ValueError:
    """Error of a class about its argument, with the name of the option."""
    if not isinstance(error, ArgumentError):
        return ValueError(f"{key}: {single_line(str(error))}")
    if error.name.startswith(f"{key}."):
        return error
    known = root(error.name) in parameters_of(kind)
    return error.inside(key) if known else ValueError(f"{key}: {error}")


def root(name: str) -> str:
    """Argument at the start of a path: ``files`` of ``files[0].path``."""
    return re.split(r"[.\[]", name, maxsplit=1)[0]


def _loaded(path: str) -> Any:
    """Object at an import path, if the parser has imported it; else None."""
    module, _, name = path.rpartition(".")
    return getattr(sys.modules.get(module), name, None)


def _check_class(key: str, path: str) -> None:
    kind = _loaded(path)
    if not inspect.isclass(kind) or not (
        issubclass(kind, KINDS) or kind.__module__.startswith(SETTINGS)
    ):
        raise ArgumentError(key, f"{path!r}: no class that is meant here (--trust allows any)")


def _check_function(key: str, function: Callable[..., Any]) -> None:
    place = f"{getattr(function, '__module__', None)}.{getattr(function, '__name__', '')}"
    if not inspect.isfunction(function) or not place.startswith(FUNCTIONS):
        raise ArgumentError(key, f"{place!r}: no function that is meant here (--trust allows any)")
