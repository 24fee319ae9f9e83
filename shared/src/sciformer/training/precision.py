"""Precision policy: which parts of a run are in half precision and which stay in fp32.

Matrix products use the trainer's precision: ``--trainer.precision``, or the choice of
:func:`best_precision`. Always in fp32: softmax statistics (``nn.attention``), norm statistics
(torch's autocast list), losses, metrics, and parts of a network that count or measure
(``nn.precision.in_fp32``). The network, not its module, makes this call, as FSDP gathers parameters
when the network is called.
"""

import warnings
from typing import Literal

import torch

from sciformer.nn.hardware import bf16_products


def best_precision() -> Literal["32-true", "bf16-mixed"]:
    """Default precision of the trainer on this machine.

    GPUs with native bf16 (NVIDIA Ampere or newer) use it: at least twice the speed, and the
    exponent range of fp32, so no loss scaling is needed. All other devices use fp32: older GPUs
    would need loss scaling, and few CPUs multiply bf16 in hardware.
    """
    if torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16-mixed"
    return "32-true"


def warn_of_emulation(precision: str, device: torch.device) -> None:
    """Warn if a run uses bf16 on a CPU without hardware for it.

    Args:
        precision: Precision of the trainer.
        device: Device of the computation.
    """
    if device.type == "cpu" and precision.startswith("bf16") and not bf16_products():
        warnings.warn(
            f"precision {precision}: this CPU has no bf16 units, products take some ten times as "
            "long as in fp32; --trainer.precision 32-true is faster",
            stacklevel=2,
        )
