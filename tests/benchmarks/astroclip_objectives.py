"""Contrastive losses in blocks beside the dense ones, and a big batch encoded in chunks.

    python tests/benchmarks/astroclip_objectives.py [--quick]

InfoNCE and SigLIP of 8192 x 256, and 128 spectra through an encoder (width 192, 2 blocks, 195
tokens) at once and in chunks of 16: forward and backward, CPU time of one thread, interleaved, and
the peak of the bytes that are allocated. Exits with 1 where a bound does not hold.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, logsigmoid, normalize
from worker import allocated

from astroclip.losses.contrastive import info_nce, siglip
from astroclip.losses.gradient_cache import in_chunks
from sciformer.nn.encoder import Encoder

PAIRS, DIM = 8192, 256
SPECTRA, CHUNK, TOKENS, WIDTH = 128, 16, 195, 192
# Of the plain one's: memory, and time, which encoding twice costs a third of a step.
BOUNDS = {"InfoNCE": (1 / 5, 1.0), "SigLIP": (1 / 5, 1.0), "chunks": (1 / 5, 1.5)}
Step = Callable[[], object]


def main() -> None:
    """Measure, print a table, exit with 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="few rounds")
    args = parser.parse_args()
    torch.set_num_threads(1)
    table = Table("", "plain MiB", "ours", "ratio", "plain CPU s", "ours", "ratio")
    above = []
    for name, (memory, seconds) in BOUNDS.items():
        steps = CASES[name]()
        times = compare(steps, rounds=2 if args.quick else 6)
        peaks = [allocated(step)[1] / 2**20 for step in steps]
        ratios = peaks[1] / peaks[0], times[1] / times[0]
        sizes, taken = (f"{value:.0f}" for value in peaks), (f"{value:.2f}" for value in times)
        table.add_row(name, *sizes, f"{ratios[0]:.3f}", *taken, f"{ratios[1]:.2f}")
        above += [name] if ratios[0] > memory or ratios[1] > seconds else []
    Console().print(table)
    if above:
        sys.exit(f"above the bounds: {', '.join(above)}")


def compare(steps: tuple[Step, Step], rounds: int) -> list[float]:
    """Median CPU-seconds of both, in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for index in range(rounds + 1):
        for step, taken in zip(steps, times, strict=True):
            start = time.process_time()
            step()
            if index:  # the first round warms up
                taken.append(time.process_time() - start)
    return [statistics.median(taken) for taken in times]


def losses(
    plain: Callable[..., Tensor], ours: Callable[..., Tensor], *learned: float
) -> tuple[Step, Step]:
    """Steps of a loss, forward and backward."""
    generator = torch.Generator().manual_seed(0)
    pairs = [normalize(torch.randn(PAIRS, DIM, generator=generator), dim=1) for _ in range(2)]
    leaves = [x.requires_grad_() for x in (*pairs, *map(torch.tensor, learned))]

    def step(loss: Callable[..., Tensor]) -> None:
        torch.autograd.grad(loss(*leaves), leaves)

    return (lambda: step(plain)), (lambda: step(ours))


def dense_info_nce(a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
    """The loss as the original has it."""
    logits, own = scale * a @ b.T, torch.arange(len(a))
    return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2


def dense_siglip(a: Tensor, b: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """The loss as its paper has it."""
    sign = 2 * torch.eye(len(a)) - 1
    return -logsigmoid(sign * (scale * a @ b.T + bias)).sum() / len(a)


def encoding() -> tuple[Step, Step]:
    """Steps of an encoder of a big batch."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(40, WIDTH), Encoder(WIDTH, 2, 4))
    spectra = torch.randn(SPECTRA, TOKENS, 40)
    target, scale = normalize(torch.randn(SPECTRA, WIDTH), dim=1), torch.tensor(15.5)

    def encode(x: Tensor) -> tuple[Tensor]:
        return (normalize(encoder(x).mean(1), dim=1),)

    def step(size: int) -> None:
        encoder.zero_grad()
        (z,) = in_chunks(encode, (spectra,), size)
        info_nce(z, target, scale).backward()

    return (lambda: step(SPECTRA)), (lambda: step(CHUNK))


CASES: dict[str, Callable[[], tuple[Step, Step]]] = {
    "InfoNCE": lambda: losses(dense_info_nce, info_nce, 15.5),
    "SigLIP": lambda: losses(dense_siglip, siglip, 10.0, -10.0),
    "chunks": encoding,
}

if __name__ == "__main__":
    main()
