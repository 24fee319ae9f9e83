"""Which parts of a run are in half precision and which stay in fp32, and why.

Matrix products run in the trainer's precision: ``--trainer.precision``, or what
:func:`best_precision` picks for the device. These stay in fp32 whatever it is: softmax statistics
(``nn.attention``), statistics of norms (torch's autocast list), losses, metrics, and the parts of a
network that count or measure, which it calls through ``nn.precision.in_fp32``. A network, not its
module, makes that call: FSDP gathers parameters when the network itself is called.
"""

import warnings
from typing import Literal

import torch

from sciformer.nn.hardware import bf16_products


def best_precision() -> Literal["32-true", "bf16-mixed"]:
    """The trainer's precision for this machine's device.

    GPUs that compute bf16 natively (from NVIDIA's Ampere on) get it: twice the rate or more, and
    the exponent range of fp32, so that no loss scaling is needed. Everything else gets fp32: older
    GPUs would need loss scaling, and few CPUs multiply bf16 in hardware.
    """
    if torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16-mixed"
    return "32-true"


def warn_of_emulation(precision: str, device: torch.device) -> None:
    """Say that a run computes in bf16 on a CPU that has no hardware for it.

    Args:
        precision: The trainer's.
        device: Where it computes.
    """
    if device.type == "cpu" and precision.startswith("bf16") and not bf16_products():
        warnings.warn(
            f"precision {precision}: this CPU has no bf16 units, products take some ten times as "
            "long as in fp32; --trainer.precision 32-true is faster",
            stacklevel=2,
        )
