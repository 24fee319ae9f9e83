"""CPU features that decide between equivalent kernels: AVX-512 and bf16 matrix units.

The instruction set decides, not a timing: timings vary with the load of the machine, and a resumed
run has to use the same kernels as before.
"""

from functools import cache

import torch


@cache
def avx512() -> bool:
    """Whether torch's kernels use AVX-512; ``ATEN_CPU_CAPABILITY=avx2`` forbids it."""
    return torch.backends.cpu.get_cpu_capability().startswith("AVX512")


@cache
def bf16_products() -> bool:
    """Whether the CPU multiplies bf16 matrices in hardware (AVX512-BF16 or AMX).

    Without, a product takes 25 to 80 times as long as in fp32 (Zen 3, torch 2.13).
    """
    able = torch.cpu.get_capabilities()
    return avx512() and bool(able.get("avx512_bf16") or able.get("amx_bf16"))
