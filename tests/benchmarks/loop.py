"""Lightning's loop with our callbacks against a plain PyTorch loop of the same step.

    python tests/benchmarks/loop.py [--quick] [--batch 32]

``fit`` runs as on the command line: its callbacks, loggers and intervals. Whenever the trainer has
asked for a number of batches, the same number of steps of the plain loop are taken, in the same
process: same network, optimizer and data. Exits with 1 if the CPU time of Lightning's steps is
credibly more than 1.05 times that of the plain ones.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.optim import AdamW
from torch.utils.data import TensorDataset
from verdicts import interval

from sciformer.cli.lightning import run
from sciformer.cli.project import Project
from sciformer.data.datamodule import DataModule
from sciformer.data.loader import seeded_loader
from sciformer.nn.encoder import Encoder
from sciformer.training.module import Module

LIMIT = 1.05
DIM, DEPTH, HEADS, TIME = 64, 2, 4, 128
SHORT = 10  # samples of a step that takes some 22 ms on one thread
CHUNK = 10  # steps at a time
times: list[tuple[float, float]] = []  # seconds of a chunk: Lightning's, the plain loop's


class Regression(Module):
    """Predict tokens from tokens."""

    monitor = ("train/loss", "min")

    def __init__(self) -> None:
        super().__init__()
        self.model = Encoder(DIM, DEPTH, HEADS)

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        loss = self.loss(batch)
        self.log_losses({"loss": loss})
        return loss

    def loss(self, batch: list[Tensor]) -> Tensor:
        return mse_loss(self.model(batch[0]), batch[1])

    def configure_optimizers(self) -> AdamW:
        return AdamW(self.parameters(), lr=1e-4)


class Alternating:
    """Batches for Lightning; between two chunks, the plain loop takes as many steps.

    Args:
        chunks: How many.
        batch: Samples of a step.
    """

    def __init__(self, chunks: int, batch: int) -> None:
        self.chunks = chunks
        self.batch = batch
        self.plain = plain_loop(batch)

    def __len__(self) -> int:
        return self.chunks * CHUNK

    def __iter__(self) -> Iterator[list[Tensor]]:
        start = time.process_time()
        for number, batch in enumerate(batches(self.batch), start=1):
            yield batch
            if number % CHUNK == 0:
                middle = time.process_time()
                for _ in range(CHUNK):
                    next(self.plain)
                times.append((middle - start, time.process_time() - middle))
                start = time.process_time()
            if number == len(self):
                return


class Numbers(DataModule):
    """Random tokens.

    Args:
        chunks: Of steps.
        batch: Samples of a step.
        seed: Not used: the data are always the same.
    """

    def __init__(self, chunks: int = 20, batch: int = SHORT, seed: int = 0) -> None:
        super().__init__(batch, 0, seed)
        self.chunks = chunks
        self.batch = batch

    def train_dataloader(self) -> Alternating:
        return Alternating(self.chunks, self.batch)


def batches(batch: int) -> Iterator[list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(64 * batch, TIME, DIM, generator=generator) for _ in range(2)]
    loader = seeded_loader(TensorDataset(*tensors), batch, seed=0)
    while True:
        yield from loader


def plain_loop(size: int) -> Iterator[None]:
    """Take a step whenever it is asked to."""
    module = Regression()
    optimizer = module.configure_optimizers()
    for batch in batches(size):
        optimizer.zero_grad()
        mse_loss(module.model(batch[0]), batch[1]).backward()
        optimizer.step()
        yield


class Result(NamedTuple):
    """What a run of Lightning gave."""

    ratio: float
    low: float
    high: float
    lightning_ms: float
    plain_ms: float


def measure(chunks: int, batch: int) -> Result:
    times.clear()
    torch.ones(31 << 18)  # freed: as in a process that trains, glibc then keeps what is freed
    with tempfile.TemporaryDirectory() as folder:
        sys.argv[1:] = ["fit", "--threads", "1", "--data.chunks", str(chunks)]
        sys.argv += ["--data.batch", str(batch), "--trainer.enable_progress_bar", "false"]
        sys.argv += ["--trainer.default_root_dir", folder, "--trainer.max_epochs", "1"]
        sys.argv += ["--trainer.accelerator", "cpu", "--trainer.devices", "1"]
        run(Project("loop", "Nothing.", f"{__name__}:Regression", f"{__name__}:Numbers"))
    kept = times[2:]  # the first ones warm up
    ratios = [lightning / plain for lightning, plain in kept]
    lightning, plain = (1e3 / CHUNK * median(t[i] for t in kept) for i in (0, 1))
    return Result(median(ratios), *interval(ratios), lightning, plain)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    parser.add_argument("--batch", type=int, default=SHORT, help="samples of a step")
    args = parser.parse_args()
    for _ in range(2):  # too slow is what is so twice
        found = measure(22 if args.quick else 62, args.batch)
        print(
            f"step of Lightning with our callbacks {found.lightning_ms:.2f} ms, plain loop "
            f"{found.plain_ms:.2f} ms: {found.ratio:.3f} ({found.low:.3f} - {found.high:.3f})"
        )
        if found.low <= LIMIT:
            return 0
    print(f"credibly above {LIMIT}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
