import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from sciformer.nn import attention_path
from sciformer.nn.attention import attend
from sciformer.nn.attention_path import computed_in_fp32, fastest

# Lengths of 4 samples of 4 heads, and what each takes on one thread of a CPU.
LENGTHS = [4, 64, 261, 520, 1200]
FUSED = ["fused"] * 5
LONGER = ["fused", "formula", "tiled", "tiled", "tiled"]
CHOICES = [
    # AVX-512, precision, use, order, paths
    (True, torch.float32, "inference", "full", ["fused", "formula", "fused", "fused", "fused"]),
    (True, torch.float32, "inference", "causal", ["fused", "formula", "tiled", "tiled", "fused"]),
    (True, torch.float32, "training", "full", LONGER),
    (True, torch.float32, "training", "causal", LONGER),
    (True, torch.bfloat16, "inference", "full", LONGER),
    (True, torch.bfloat16, "training", "causal", LONGER),
    (False, torch.bfloat16, "inference", "full", FUSED),
    (False, torch.float32, "inference", "full", FUSED),
    (False, torch.float32, "inference", "causal", FUSED),
    (False, torch.float32, "training", "full", ["fused", "formula", "fused", "fused", "fused"]),
    (False, torch.float32, "training", "causal", ["fused", "formula", "fused", "tiled", "fused"]),
    (False, torch.float32, "training", "biased", ["fused", "formula", "fused", "tiled", "tiled"]),
]


def draw(length, dtype=torch.float32, batch=4, heads=4):
    return torch.randn(3, batch, heads, length, 16).to(dtype).unbind()


@pytest.mark.parametrize(("wide", "dtype", "use", "order", "paths"), CHOICES)
def test_each_length_takes_the_path_that_was_measured_to_be_fast(
    wide, dtype, use, order, paths, monkeypatch
):
    monkeypatch.setattr(attention_path, "avx512", lambda: wide)
    monkeypatch.setattr(attention_path, "bf16_products", lambda: wide)
    chosen = []
    for length in LENGTHS:
        q, k, v = (x.requires_grad_(use == "training") for x in draw(length, dtype))
        bias = torch.zeros(length, length) if order == "biased" else None
        chosen.append(fastest(q, k, v, bias, order != "full"))
    assert chosen == paths


@pytest.mark.parametrize("wide", [False, True])
def test_long_training_is_left_to_the_fused_kernel(wide, monkeypatch):
    monkeypatch.setattr(attention_path, "avx512", lambda: wide)
    monkeypatch.setattr(attention_path, "KEPT_BYTES", 1 << 16)
    q, k, v = (x.requires_grad_() for x in draw(600, batch=1, heads=1))
    assert fastest(q, k, v, None, True) == "fused"
    torch.testing.assert_close(
        attend(q, k, v, causal=True), scaled_dot_product_attention(q, k, v, is_causal=True)
    )


def test_a_mask_counts_as_what_a_causal_kernel_cannot_skip(monkeypatch):
    monkeypatch.setattr(attention_path, "avx512", lambda: False)
    q, k, v = (x.requires_grad_() for x in draw(1200, batch=1, heads=1))
    assert fastest(q, k, v, None, True, masked=True) == "tiled"


@pytest.mark.parametrize(
    ("dtype", "units", "training", "widened"),
    [
        (torch.bfloat16, True, True, False),
        (torch.bfloat16, False, True, True),
        (torch.bfloat16, False, False, False),
        (torch.float16, True, False, True),
        (torch.float32, False, True, False),
        (torch.float64, False, True, False),
    ],
)
def test_half_precision_is_widened_where_the_processor_has_no_units_for_it(
    dtype, units, training, widened, monkeypatch
):
    monkeypatch.setattr(attention_path, "bf16_products", lambda: units)
    q, k, v = (x.requires_grad_(training) for x in draw(40, dtype))
    assert computed_in_fp32(q, k, v, None) is widened
    out = attend(q, k, v, causal=True)
    assert out.dtype == dtype
    if widened:
        assert torch.equal(out, attend(q.float(), k.float(), v.float(), causal=True).to(dtype))


def test_under_autocast_too(monkeypatch):
    monkeypatch.setattr(attention_path, "bf16_products", lambda: False)
    q, k, v = (x.requires_grad_() for x in draw(40))
    with torch.autocast("cpu", torch.bfloat16):
        out = attend(q, k, v)
    assert out.dtype == torch.bfloat16
    narrow = [x.bfloat16().float() for x in (q, k, v)]
    torch.testing.assert_close(out, attend(*narrow).bfloat16(), rtol=0, atol=0)
    out.float().sum().backward()
    assert q.grad.isfinite().all()
