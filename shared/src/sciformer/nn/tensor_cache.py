"""Keep tensors that are the same in every call, such as tables of positions."""

from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from typing import Any

import torch


def kept(size: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Cache the tensors that a function makes; not while a network is exported or compiled.

    Its tensors are then stand-ins without values, which must not reach a later call.

    Args:
        size: Number of results that are kept.

    Returns:
        Decorator of a function without named arguments.
    """

    def cached(function: Callable[..., Any]) -> Callable[..., Any]:
        found = lru_cache(size)(function)

        @wraps(function)
        def made(*arguments: Hashable) -> Any:
            return (function if torch.compiler.is_compiling() else found)(*arguments)

        return made

    return cached
