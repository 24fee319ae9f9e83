import sys

import pytest
import torch

from sciformer.nn.hardware import avx512, bf16_products

ASK = "from sciformer.nn.hardware import avx512, bf16_products; print(avx512(), bf16_products())"


def test_bf16_in_hardware_needs_wide_vectors_and_their_bf16_instructions():
    able = torch.cpu.get_capabilities()
    assert avx512() <= able.get("avx512_f", False)
    assert bf16_products() <= (able.get("avx512_bf16", False) or able.get("amx_bf16", False))


@pytest.mark.process
def test_a_processor_can_be_asked_to_be_a_lesser_one(start):
    process = start("-c", ASK, python=sys.executable, ATEN_CPU_CAPABILITY="avx2")
    out, err = process.communicate(timeout=60)
    assert out == "False False\n", err
