"""AstroCLIP's networks beside the original's, restated plainly, with equal weights and data.

    python tests/benchmarks/astroclip_networks.py [--quick]

Pooling of 778 tokens of 768 numbers by one query, batch 8, forward and backward: the core's folded
attention beside ``nn.MultiheadAttention``. A training step of SpecFormer at full size (43 M
parameters), batch 4: slicing, masking, forward, loss of the masked tokens, backward, AdamW; the
plain one in fp32, ours in bf16 autocast, for all tokens and for the masked ones alone, whose loss
and gradients are the same. Interleaved, CPU time of one thread.

The bound of that step is 2.3 in bf16, and none in fp32, which alone is measured where the processor
has no units for bf16. One whose products gain less by bf16 does not reach it: Zen 4, whose units
multiply bf16 at twice the rate of fp32, gains 2.0 to 2.2, and the step 2.2. ``--quick`` takes one
block of SpecFormer instead of six, of which the last is half the work. Exits with 1 where a bound
does not hold.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from script import parsed

from astroclip.convert.convert import spectrum_from_reference
from astroclip.convert.original_networks import slice_spectrum
from astroclip.convert.pooling_head import PoolingHead
from sciformer.nn.hardware import bf16_products

sys.path.append(str(Path(__file__).parents[1] / "astroclip"))
import plain_astroclip as plain

PIXELS, TOKENS, WIDTH, EMBEDDING, POOLING_HEADS = 7781, 778, 768, 1024, 4
DEPTH, HEADS = 6, 6
PIECES, PIECE = 6, 50  # tokens that the original masks
PLAIN, OURS = "plain, fp32", "ours, masked tokens, bf16"
BOUNDS = {"folded, tokens trained": 10.0, "folded, tokens frozen": 10.0}
STEP_BOUND = 2.3

Calls = dict[str, Callable[[], object]]


def main() -> None:
    """Measure, print tables, exit with 1 where a bound does not hold."""
    args = parsed(__doc__, "one block of SpecFormer")
    below = []
    for kind, trained in (("trained", True), ("frozen", False)):
        title = f"pooling, {TOKENS} x {WIDTH}, batch 8, tokens {kind}"
        times = race(poolings(kind, trained), rounds=5)
        below += show(title, times, f"nn.MultiheadAttention, tokens {kind}", BOUNDS)
    times = race(measurable(products()), rounds=5)
    show(f"three products of {4 * TOKENS} x {WIDTH} x {4 * WIDTH}", times, "fp32", {})
    times = race(measurable(steps(1 if args.quick else DEPTH)), rounds=3 if args.quick else 2)
    bounds = {OURS: STEP_BOUND} if OURS in times else {}
    below += show("SpecFormer's training step, batch 4", times, PLAIN, bounds)
    if below:
        sys.exit(f"below the bound: {', '.join(below)}")


def measurable(calls: Calls) -> Calls:
    """Without bf16 where the processor has no units for it: some ten times as slow."""
    return {name: call for name, call in calls.items() if "bf16" not in name or bf16_products()}


def race(calls: Calls, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each, in turn, after one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for index in range(-1, rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            if index >= 0:
                times[name].append(time.process_time() - start)
    return times


def ratios(times: dict[str, list[float]], base: str) -> dict[str, float]:
    """How many times as fast as one of them each is: the median over rounds."""
    pairs = {name: zip(times[base], found, strict=True) for name, found in times.items()}
    return {name: statistics.median(b / f for b, f in pair) for name, pair in pairs.items()}


def show(
    title: str, times: dict[str, list[float]], base: str, bounds: dict[str, float]
) -> list[str]:
    """Print medians and ratios to one of them; return what is below its bound."""
    table = Table("", "CPU-ms", "ratio", "bound", title=title)
    found = ratios(times, base)
    for name, ratio in found.items():
        bound = f"{bounds[name]:.2f}" if name in bounds else ""
        table.add_row(name, f"{1e3 * statistics.median(times[name]):.1f}", f"{ratio:.2f}", bound)
    Console(width=80).print(table)
    return [name for name, bound in bounds.items() if found.get(name, bound) < bound]


def poolings(kind: str, trained: bool) -> Calls:
    """One query reads a batch of 8, by torch's attention and folded."""
    torch.manual_seed(0)
    tokens = torch.randn(8, TOKENS, WIDTH, requires_grad=trained)
    parts = plain.Branch(None, EMBEDDING, POOLING_HEADS, WIDTH, residual=True).cross_attention
    query, theirs = parts.query, parts.multihead_attn
    ours = PoolingHead(EMBEDDING, POOLING_HEADS, WIDTH).pooling

    def torchs() -> None:
        asked = query.expand(len(tokens), -1, -1)
        theirs(asked, tokens, tokens, need_weights=False)[0].square().mean().backward()

    def folded() -> None:
        ours(tokens).square().mean().backward()

    return {f"nn.MultiheadAttention, tokens {kind}": torchs, f"folded, tokens {kind}": folded}


def steps(depth: int) -> Calls:
    """Training steps with equal weights, data and masks."""
    theirs = plain.random_weights(plain.SpecFormer(WIDTH, depth, HEADS)).train()
    ours = spectrum_from_reference(theirs.state_dict(), HEADS).train()
    flux = torch.randn(4, PIXELS, 1, generator=torch.Generator().manual_seed(0))
    optimizers = {
        theirs: torch.optim.AdamW(theirs.parameters(), lr=1e-6),
        ours: torch.optim.AdamW(ours.parameters(), lr=1e-6, fused=True),
    }
    hidden = masks(4)

    def step(model: torch.nn.Module, loss: Callable, half: bool) -> None:
        optimizers[model].zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            found = loss()
        found.backward()
        optimizers[model].step()

    def plainly() -> torch.Tensor:
        tokens = plain.sliced(flux)
        answer = theirs.decode(tokens.masked_fill(hidden[..., None], 0))[1]
        return F.mse_loss(answer[hidden], tokens[hidden])

    def all_tokens() -> torch.Tensor:
        tokens = slice_spectrum(flux)
        answer = ours.decode(tokens.masked_fill(hidden[..., None], 0)).reconstruction
        return F.mse_loss(answer[hidden], tokens[hidden])

    def masked_tokens() -> torch.Tensor:
        tokens = slice_spectrum(flux)
        answer = ours.reconstruct(tokens.masked_fill(hidden[..., None], 0), hidden)
        return F.mse_loss(answer, tokens[hidden])

    return {
        PLAIN: lambda: step(theirs, plainly, half=False),
        "plain, bf16": lambda: step(theirs, plainly, half=True),
        "ours, all tokens, bf16": lambda: step(ours, all_tokens, half=True),
        "ours, masked tokens, fp32": lambda: step(ours, masked_tokens, half=False),
        OURS: lambda: step(ours, masked_tokens, half=True),
    }


def masks(batch: int) -> torch.Tensor:
    """The original's: one piece of 50 tokens somewhere in each sixth of a spectrum."""
    generator = torch.Generator().manual_seed(1)
    each = TOKENS // PIECES
    hidden = torch.zeros(batch, TOKENS, dtype=torch.bool)
    for row in hidden:
        for piece in range(PIECES):
            first = piece * each + int(torch.randint(each - PIECE, (), generator=generator))
            row[first : first + PIECE] = True
    return hidden


def products() -> Calls:
    """Those of the layer that SpecFormer's MLP begins with, forward and backward."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(4 * TOKENS, WIDTH, generator=generator)
    w = torch.randn(4 * WIDTH, WIDTH, generator=generator)
    g = torch.randn(4 * TOKENS, 4 * WIDTH, generator=generator)

    def layer(dtype: torch.dtype) -> Callable[[], object]:
        a, b, c = (factor.to(dtype) for factor in (x, w, g))
        return lambda: (a @ b.mT, c @ b, c.mT @ a)

    return {"fp32": layer(torch.float32), "bf16": layer(torch.bfloat16)}


if __name__ == "__main__":
    main()
