"""Run parts of a network in fp32 when the rest is in half precision."""

from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

HALF = (torch.bfloat16, torch.float16)


def in_fp32(module: nn.Module, *inputs: Any, **options: Any) -> Any:
    """Call a module in at least fp32, whatever the trainer's precision.

    Autocast is off inside. Half-precision inputs, parameters and buffers (``bf16-true``) are cast
    to fp32; double precision stays double.

    Args:
        module: Called with ``inputs`` and ``options``.
        *inputs: Positional arguments; half-precision tensors are cast.
        **options: Keyword arguments, passed unchanged.

    Returns:
        Output of the module.
    """
    wide = [widened(value) for value in inputs]
    held = chain(module.named_parameters(), module.named_buffers())
    halves = {name: widened(value) for name, value in held if value.dtype in HALF}
    device = next((value.device.type for value in inputs if isinstance(value, Tensor)), "cpu")
    with torch.autocast(device, enabled=False):
        if halves:
            return functional_call(module, halves, tuple(wide), options)
        return module(*wide, **options)


def like_weights(x: Tensor, module: nn.Module) -> Tensor:
    """Cast fp32 input to the dtype of a module's parameters (``bf16-true``)."""
    return x.to(next(module.parameters()).dtype)


def widened(value: Any) -> Any:
    """Cast a half-precision tensor to fp32; leave anything else unchanged."""
    return value.float() if isinstance(value, Tensor) and value.dtype in HALF else value
