"""What this machine's processor computes fast: kernels that are equal differ in speed between them.

Instruction sets are asked and no product is timed: beside busy neighbours a timing says anything,
and a run that is resumed has to take the kernels it took before.
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
