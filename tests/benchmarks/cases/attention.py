"""``attend`` on each of its paths: fused, formula and tiled, by dtype, mask, bias and shape."""

from typing import NamedTuple

import torch
from case import Case, differentiable
from parts import CORE
from torch import Tensor

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "autocast": torch.float32}


class Setting(NamedTuple):
    """Shapes and options of a call."""

    shape: tuple[int, int, int, int]  # batch, heads, time, head_dim
    dtype: str = "fp32"
    causal: bool = False
    bias: bool = False
    mask: bool = False
    queries: int | None = None  # where they are not as many as keys


SHORT, MIDDLE, LONG = (8, 4, 64, 32), (4, 4, 128, 32), (1, 4, 512, 32)
WIDE, TINY = (2, 2, 256, 64), (4, 2, 16, 16)
SETTINGS = {
    "fp32 T16": Setting(TINY),
    "fp32 T64": Setting(SHORT),
    "fp32 T64 causal": Setting(SHORT, causal=True),
    "fp32 T128": Setting(MIDDLE),
    "fp32 T128 causal": Setting(MIDDLE, causal=True),
    "fp32 T128 mask": Setting(MIDDLE, mask=True),
    "fp32 T128 bias": Setting(MIDDLE, bias=True),
    "fp32 T256 head 64": Setting(WIDE),
    "fp32 T512": Setting(LONG),
    "fp32 T512 causal": Setting(LONG, causal=True),
    "fp32 T512 causal bias": Setting(LONG, causal=True, bias=True),
    "fp32 T512 bias mask": Setting(LONG, bias=True, mask=True),
    "fp32 1 query": Setting((8, 4, 512, 32), causal=True, queries=1),
    "fp32 64 queries": Setting(LONG, queries=64),
    "bf16 T16": Setting(TINY, "bf16"),
    "bf16 T64": Setting(SHORT, "bf16"),
    "bf16 T128": Setting(MIDDLE, "bf16"),
    "bf16 T128 causal": Setting(MIDDLE, "bf16", causal=True),
    "bf16 T128 bias": Setting(MIDDLE, "bf16", bias=True),
    "bf16 T512": Setting(LONG, "bf16"),
    "bf16 T512 causal": Setting(LONG, "bf16", causal=True),
    "bf16 T512 causal bias": Setting(LONG, "bf16", causal=True, bias=True),
    "autocast T128": Setting(MIDDLE, "autocast"),
    "autocast T512 causal": Setting(LONG, "autocast", causal=True),
}


def attention(setting: Setting) -> Case:
    def build():
        batch, heads, time, head_dim = setting.shape
        queries = time if setting.queries is None else setting.queries
        shapes = [(batch, heads, length, head_dim) for length in (queries, time, time)]
        qkv = [torch.randn(shape, dtype=DTYPES[setting.dtype]) for shape in shapes]
        bias = torch.randn(1, heads, queries, time) if setting.bias else None
        lengths = torch.linspace(time // 2, time, batch)[:, None, None, None]
        mask = torch.arange(time) < lengths if setting.mask else None
        attend = CORE.attend

        def function() -> Tensor:
            with torch.autocast("cpu", torch.bfloat16, enabled=setting.dtype == "autocast"):
                return attend(*qkv, causal=setting.causal, bias=bias, mask=mask)

        return function, qkv

    return differentiable(build, recorded=True)


CASES = {f"attend {name}": attention(setting) for name, setting in SETTINGS.items()}
