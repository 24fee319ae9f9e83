"""Parts of a network that count or measure stay in fp32 inside a network in half precision."""

from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

HALF = (torch.bfloat16, torch.float16)


def in_fp32(module: nn.Module, *inputs: Any, **options: Any) -> Any:
    """Call a module in at least fp32, whatever the trainer's precision.

    Autocast is off inside, and inputs, parameters and buffers in half precision (``bf16-true``)
    are widened. Double precision stays double.

    Args:
        module: Called with ``inputs`` and ``options``.
        *inputs: Tensors and anything else that ``module`` takes.
        **options: Passed on as they are.

    Returns:
        What the module returns.
    """
    widened = [_widen(value) for value in inputs]
    held = chain(module.named_parameters(), module.named_buffers())
    halves = {name: _widen(value) for name, value in held if value.dtype in HALF}
    device = next((value.device.type for value in inputs if isinstance(value, Tensor)), "cpu")
    with torch.autocast(device, enabled=False):
        if halves:
            return functional_call(module, halves, tuple(widened), options)
        return module(*widened, **options)


def like_weights(x: Tensor, module: nn.Module) -> Tensor:
    """Narrow what was measured in fp32 to what a module's parameters are (``bf16-true``).

    Args:
        x: What enters the module.
        module: It has parameters, all of one dtype.

    Returns:
        ``x`` itself where the parameters are fp32, under autocast too.
    """
    return x.to(next(module.parameters()).dtype)


def _widen(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype in HALF else value
