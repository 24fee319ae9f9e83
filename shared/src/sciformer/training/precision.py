"""Which parts of a run are in half precision and which stay in fp32, and why.

Matrix products run in the trainer's precision: ``--trainer.precision``, or what
:func:`best_precision` picks for the device. These stay in fp32 whatever it is: softmax statistics
(``nn.attention``), statistics of norms (torch's autocast list), losses, metrics, and the parts of a
network that count or measure, which it calls through ``nn.precision.in_fp32``. A network, not its
module, makes that call: FSDP gathers parameters when the network itself is called.
"""

from typing import Literal

import torch


def best_precision() -> Literal["32-true", "bf16-mixed"]:
    """The trainer's precision for this machine's device.

    GPUs that compute bf16 natively (from NVIDIA's Ampere on) get it: twice the rate or more, and
    the exponent range of fp32, so that no loss scaling is needed. Everything else gets fp32: older
    GPUs would need loss scaling, and few CPUs multiply bf16 in hardware.
    """
    if torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bf16-mixed"
    return "32-true"
