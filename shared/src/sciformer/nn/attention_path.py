"""Choice of the fastest attention kernel by size and processor, from measurements.

Accelerators use torch's SDPA. On CPUs the choice depends on the processor: Zen 4 stands for those
with AVX-512, Zen 3 for all others. ``tests/benchmarks/attention.py`` repeats the measurements.
"""

from typing import Literal

import torch
from torch import Tensor

from sciformer.nn.hardware import avx512, bf16_products
from sciformer.nn.precision import HALF
from sciformer.nn.tiled_attention import needs_grad

Path = Literal["fused", "formula", "tiled"]
# Training keeps the weights; more of them in one call than this are left to SDPA, whose memory
# grows with T, not T^2.
KEPT_BYTES = 1 << 28


def computed_in_fp32(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> bool:
    """Whether to widen half precision to fp32 first: this CPU has no hardware for it.

    Zen 3, T 512: the formula in bf16 takes 17 to 20 times as long as SDPA in bf16, and SDPA's
    gradients 4.5 times as long as in fp32; its forward pass takes as long as in fp32. For fp16
    these factors are 7 and 3.
    """
    if not q.is_cpu or torch.compiler.is_compiling() or q.dtype not in HALF:
        return False
    return q.dtype == torch.float16 or (needs_grad(q, k, v, bias) and not bf16_products())


def fastest(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, causal: bool, masked: bool = False
) -> Path:
    """Choose the kernel: torch's SDPA (``fused``), the plain formula, or tiled attention.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        bias: Added to the scores.
        causal: Whether later keys are hidden.
        masked: Whether a mask hides keys.

    Returns:
        Name of the kernel.
    """
    if not q.is_cpu or torch.compiler.is_compiling():
        return "fused"
    training = needs_grad(q, k, v, bias)
    scores = q.shape[0] * q.shape[1] * q.shape[2] * k.shape[2]
    if training and scores * q.element_size() > KEPT_BYTES:
        return "fused"
    half = q.dtype == torch.bfloat16
    if half and not bf16_products():
        return "fused"
    if avx512():
        return _on_zen4(q.shape[2], scores, half, training, causal, bias is not None)
    filled = causal and (masked or bias is not None)  # then SDPA computes hidden scores as well
    return _on_zen3(q.shape[2], scores, training, causal, filled)


def _on_zen3(time: int, scores: int, training: bool, causal: bool, filled: bool) -> Path:
    """Fastest kernel on Zen 3 in fp32: CPU time over that of SDPA (torch 2.13, one thread).

    =====  ==================  ===========  ===========  =================  =====================
    T      pass                formula      tiled        tiled, causal      tiled, causal, bias
    =====  ==================  ===========  ===========  =================  =====================
    64     forward             1.06 - 1.17  1.1 - 1.3    1.2                1.1 - 1.25
    64     forward, backward   0.86 - 0.94  0.87 - 0.98  0.94 - 1.0         0.88 - 0.96
    128    forward, backward   0.95 - 1.16  0.96 - 1.14  0.98 - 1.05        0.96 - 1.11
    512    forward             1.4 - 2.8    1.3 - 1.9    1.0 - 1.3          0.92 - 1.08
    512    forward, backward   1.1 - 2.4    0.95 - 1.2   0.72 - 0.97        0.73 - 0.97
    1024   forward, backward   1.0 - 2.7    1.06 - 1.34  1.03 - 1.07        0.71 - 0.76
    2048   forward, backward   1.6 - 2.6    1.04 - 1.3   1.22               0.80
    =====  ==================  ===========  ===========  =================  =====================
    """
    if not training or scores < 1 << 15:
        return "fused"
    if time <= 64:
        return "formula"
    return "tiled" if causal and time >= 512 and (filled or time < 1024) else "fused"


def _on_zen4(
    time: int, scores: int, half: bool, training: bool, causal: bool, biased: bool
) -> Path:
    """Fastest kernel on Zen 4: CPU time of tiles over the faster of SDPA and formula (torch 2.13).

    ====  ==================  ===========  ============  ===========
    T     pass                fp32 causal  fp32          bf16
    ====  ==================  ===========  ============  ===========
    128   forward             1.0          1.0           0.94 - 1.08
    128   forward + backward  0.91 - 1.04  0.97 - 1.04   0.95 - 1.08
    512   forward             0.76 - 0.84  1.0           0.72 - 1.03
    512   forward + backward  0.59 - 0.64  0.86 - 0.99   0.74 - 1.0
    ====  ==================  ===========  ============  ===========

    On Zen 4, SDPA takes 1.4 to 4.5 times as long in bf16 as the chosen kernel. Below the bounds on
    the number of scores SDPA wins by its small overhead; it is also used for causal forward passes
    longer than those measured, where it skips most hidden scores.
    """
    if not half and not training:
        threads = torch.get_num_threads()
        if causal and 192 * threads <= time < 1024 and scores >= 1 << 20:
            return "tiled"
        # SDPA cuts below T = 192 into blocks of 32 queries; more than one thread pays for it.
        short, few = (64, 1 << 16) if threads == 1 else (160, 1 << 15)
        return "formula" if time <= short and scores >= few else "fused"
    if scores < (1 << 12 if half and training else 1 << 15):
        return "fused"
    many = 1 << 20 if half else 1 << 18 if causal else 1 << 19
    if half and not training and not causal and biased:
        many = 1 << 24  # tiles add the bias piece by piece: up to 6 % slower at 2^22 scores
    return "formula" if scores < many else "tiled"
