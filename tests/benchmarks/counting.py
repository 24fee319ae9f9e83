"""Count attention against softmax attention written out: one training step, interleaved CPU time.

    python tests/benchmarks/counting.py [--quick]

Exits with 1 where the step with count attention is not at least four times as fast, or where fewer
than five million tokens are drawn per CPU-second.
"""

import statistics
import sys
import time

import torch
from case import training_step
from rich.console import Console
from rich.table import Table
from script import parsed
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from contextual_counting.data.datamodule import CountingData
from contextual_counting.module import CountingModule
from contextual_counting.nn.model import CountingTransformer

FASTER, TOKENS_PER_S = 4.0, 5e6


class WrittenOut(nn.Module):
    """The same encoder with every score of the first layer written out."""

    def __init__(self, model: CountingTransformer) -> None:
        super().__init__()
        self.encoder = model.encoder

    def forward(self, tokens: Tensor) -> Tensor:
        encoder, block = self.encoder, self.encoder.block
        x = encoder.embedding(encoder.with_begin(tokens))
        attention, y = block.attention, block.attention_norm(x)
        q, k, v = attention.query(y), attention.key(y), attention.value(y)
        scores = q @ k.mT * q.shape[-1] ** -0.5
        past = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        x = x + attention.out(scores.masked_fill(~past, -torch.inf).softmax(-1) @ v)
        return encoder.norm(x + block.mlp(block.mlp_norm(x)))


def main() -> None:
    """Measure, print a table, exit with 1 where a bound does not hold."""
    rounds = 20 if parsed(__doc__, "few rounds").quick else 30
    data = CountingData(length=512, regions=4, batch_size=16)
    steps = {"count attention": _stepper(False), "softmax written out": _stepper(True)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for index in range(rounds + 1):
        batch = data.draw(index)
        for name, step in steps.items():
            start = time.process_time()
            step(batch)
            if index:  # the first round warms up
                times[name].append(1e3 * (time.process_time() - start))
    fast, slow = times.values()
    ratio = statistics.median(s / f for f, s in zip(fast, slow, strict=True))
    table = Table("training step, T 512, B 16, fp32, 1 thread", "median CPU ms", "ratio")
    table.add_row("count attention", f"{statistics.median(fast):.1f}", "1.0")
    table.add_row("softmax written out", f"{statistics.median(slow):.1f}", f"{ratio:.1f}")
    start = time.process_time()
    tokens = sum(data.draw(step).tokens.numel() for step in range(40 * rounds))
    rate = tokens / (time.process_time() - start)
    console = Console()
    console.print(table)
    console.print(f"sequences drawn: {rate / 1e6:.0f} million tokens per CPU-second")
    if ratio < FASTER or rate < TOKENS_PER_S:
        sys.exit(f"below the bounds: ratio {FASTER}, {TOKENS_PER_S:.0f} tokens per CPU-second")


def _stepper(written_out: bool):  # a closure over module and optimizer
    torch.manual_seed(0)
    module = CountingModule(steps=[1000])
    encoder = WrittenOut(module.model) if written_out else module.model.encoder

    def loss(batch) -> Tensor:
        logits = module.model.decoder(encoder(batch.tokens), 4)
        return cross_entropy(logits.flatten(0, 1), batch.counts.flatten())

    return training_step(module, loss)


if __name__ == "__main__":
    main()
