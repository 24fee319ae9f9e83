"""Time ``attend`` beside torch's fused attention and the written-out formula, in one run.

    python tests/benchmarks/attention.py [--quick]
    OMP_WAIT_POLICY=PASSIVE python tests/benchmarks/attention.py [--quick] --threads 2

Several threads need that policy: they would else spin while they wait, which counts as CPU time.
Every round times all three of a case, one after another in an order drawn anew, in CPU time. A
ratio is the median over the rounds of ``attend`` / the other, and the table shows the larger of the
two: ``attend`` against the faster. The exit status is 1 if a ratio is credibly above 1.03: in two
measurements, one after the other, all but a few rounds are above it (p < 0.02 each if the true
median is 1.03; about 1e-4 together).
"""

import argparse
import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from sciformer.nn.attention import attend

LIMIT = 1.03
SHAPES = [(16, 1, 128, 64), (8, 4, 128, 32), (4, 8, 128, 64)]
LONG = [(16, 1, 512, 64), (8, 4, 512, 32), (4, 8, 512, 64)]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "autocast": torch.bfloat16}
Attention = Callable[[Tensor, Tensor, Tensor, bool, Tensor | None], Tensor]


class Case(NamedTuple):
    """One row of the table."""

    shape: tuple[int, int, int, int]
    dtype: str
    causal: bool
    biased: bool
    backward: bool


def ours(q: Tensor, k: Tensor, v: Tensor, causal: bool, bias: Tensor | None) -> Tensor:
    return attend(q, k, v, causal=causal, bias=bias)


def fused(q: Tensor, k: Tensor, v: Tensor, causal: bool, bias: Tensor | None) -> Tensor:
    if bias is None:
        return scaled_dot_product_attention(q, k, v, is_causal=causal)
    return scaled_dot_product_attention(q, k, v, attn_mask=with_future(q, causal, bias))


def formula(q: Tensor, k: Tensor, v: Tensor, causal: bool, bias: Tensor | None) -> Tensor:
    batch, heads, time, _ = q.shape
    q, k, v = q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1)
    fill = with_future(q, causal, bias)
    if fill is None:
        scores = torch.bmm(q * q.shape[-1] ** -0.5, k.mT)
    else:
        fill = fill.to(q.dtype).expand(batch, heads, time, time).reshape(-1, time, time)
        scores = torch.baddbmm(fill, q, k.mT, alpha=q.shape[-1] ** -0.5)
    return torch.bmm(torch.softmax(scores, -1), v).unflatten(0, (batch, heads))


def with_future(q: Tensor, causal: bool, bias: Tensor | None) -> Tensor | None:
    if not causal:
        return bias
    dtype = q.dtype if bias is None else bias.dtype
    future = torch.full((q.shape[-2], q.shape[-2]), float("-inf"), dtype=dtype).triu(1)
    return future if bias is None else bias + future


def prepare(case: Case, attention: Attention) -> Callable[[], None]:
    generator = torch.Generator().manual_seed(0)
    draw = [torch.randn(case.shape, generator=generator) for _ in range(4)]
    *qkv, g = (x.to(DTYPES[case.dtype]).requires_grad_(case.backward) for x in draw)
    _, heads, length, _ = case.shape
    bias = torch.randn(1, heads, length, length, generator=generator) if case.biased else None

    def once() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=case.dtype == "autocast"):
            out = attention(*qkv, case.causal, bias)
        if case.backward:
            torch.autograd.grad(out, qkv, g)

    return once


def measure(case: Case, rounds: int, sample_s: float) -> tuple[list[float], list[list[float]]]:
    """Return the median CPU ms of (ours, fused, formula), and ours / (fused, formula) per round."""
    runs = [prepare(case, attention) for attention in (ours, fused, formula)]
    times: list[list[float]] = [[], [], []]
    with torch.set_grad_enabled(case.backward):
        first = [cpu_s(run, 2) for run in runs]
        repeats = max(1, round(sample_s / min(first)))
        for _ in range(rounds):
            for i in random.sample(range(3), 3):
                times[i].append(cpu_s(runs[i], repeats))
    ratios = [[a / b for a, b in zip(times[0], other, strict=True)] for other in times[1:]]
    return [1e3 * statistics.median(t) for t in times], ratios


def cpu_s(run: Callable[[], None], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        run()
    return (time.process_time() - start) / repeats


def credibly_slow(ratios: list[list[float]]) -> bool:
    """Whether at least 8 of 9 (13 of 16, 19 of 25) rounds exceed the limit, for either rival."""
    rounds = len(ratios[0])
    needed = rounds / 2 + rounds**0.5 * 1.1  # 2.2 standard deviations of a fair coin
    return any(sum(ratio > LIMIT for ratio in rival) >= needed for rival in ratios)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="fewer cases and rounds")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    # As in a process that trains: once it has freed a large tensor, glibc keeps what is freed.
    # Before, all scores above 128 KiB fault in anew, which costs the formula most.
    torch.ones(31 << 18)
    # With several threads process_time advances in the kernel's ticks of up to 4 ms.
    sample_s = 0.002 if args.threads == 1 else 0.05
    shapes = [SHAPES[1], LONG[0]] if args.quick else SHAPES + LONG
    dtypes = ["fp32", "bf16"] if args.quick else list(DTYPES)
    rounds = 9 if args.quick else 15
    flags = [False, True]
    print(f"{'shape':18} {'dtype':8} {'causal':6} {'bias':4} {'pass':8}", end=" ")
    print(f"{'attend':>8} {'SDPA':>8} {'formula':>8}  attend / faster")
    failed = 0
    for case in map(Case._make, itertools.product(shapes, dtypes, flags, flags, flags)):
        times, ratios = measure(case, rounds, sample_s)
        slow = credibly_slow(ratios) and credibly_slow(measure(case, rounds, sample_s)[1])
        failed += slow
        shape, dtype, causal, biased, backward = case
        flagged = f"{'yes' if causal else '':6} {'yes' if biased else '':4}"
        shown = " ".join(f"{t:8.2f}" for t in times)
        print(
            f"{shape!s:18} {dtype:8} {flagged} {'fwd+bwd' if backward else 'forward':8} {shown}",
            end="  ",
        )
        worst = max(statistics.median(rival) for rival in ratios)
        print(f"{worst:.3f}{'  SLOW' if slow else ''}", flush=True)
    print(f"{failed} credibly above {LIMIT}; {time.process_time():.0f} CPU-s")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
