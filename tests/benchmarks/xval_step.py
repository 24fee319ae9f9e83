"""A training step of xVal beside the original's, restated plainly, with equal weights and data.

    python tests/benchmarks/xval_step.py [--quick]

Texts have the lengths of the paper's planets (200 to 960 tokens, three of five of them numbers).
The plain network draws batches of them in any order (or, with one line more, in order of length),
pads each to its longest text, and answers everywhere. Ours takes the same texts in batches of one
size, in order of length, answers where something is hidden, and may also pack them into rows that
hold several. Forward, backward and AdamW; interleaved, CPU time of one thread; real tokens are
those that are not padding.
Exits with 1 where the bound does not hold.
"""

import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from script import parsed

from sciformer.nn.hardware import bf16_products
from xval.convert.convert import from_reference
from xval.encodings.masking import hide
from xval.encodings.special_tokens import NUM, PAD

sys.path.append(str(Path(__file__).parents[1] / "xval"))
import plain_xval as plain

VOCAB, DIM, DEPTH, HEADS, HIDDEN, LENGTH = 27, 384, 3, 3, 1536, 1024  # the original's notebook
HIDE = 0.3
BOUND = 2.0

SORTED = "plain, no dropout, in order of length"
DROPOUT = {"plain": 0.1, "plain, no dropout": 0.0, SORTED: 0.0}  # the original trains with 0.1


def main() -> None:
    """Measure, print a table, exit with 1 where the bound does not hold."""
    args = parsed(__doc__, "small batches, two rounds")
    batch, rounds = (8, 2) if args.quick else (32, 2)
    texts = draw_texts(3 * batch)
    tokens = sum(len(text) for text, _ in texts)
    rates = {name: [tokens / t for t in times] for name, times in race(texts, batch, rounds)}
    title = f"training step, batch {batch}, {tokens} real tokens, 1 thread"
    table = Table("", "real tokens / CPU-s", "ratio", title=title)
    ratios = {}
    for name, found in rates.items():
        ratios[name] = statistics.median(f / p for f, p in zip(found, rates["plain"], strict=True))
        table.add_row(name, f"{statistics.median(found):.0f}", f"{ratios[name]:.2f}")
    Console().print(table)
    if ratios["buckets, fp32"] < BOUND:
        sys.exit(f"below the bound {BOUND}")


def race(texts: list, batch: int, rounds: int) -> Iterable[tuple[str, list[float]]]:
    """CPU seconds of each way through all texts, which take turns."""
    sizes = VOCAB, DIM, DEPTH, HEADS, HIDDEN, LENGTH
    models = {name: plain.random_plain(*sizes, dropout=p) for name, p in DROPOUT.items()}
    weights = models["plain"].state_dict()
    models |= {name: from_reference(weights, HEADS).train() for name in OURS}
    steps = dict.fromkeys(models, plain_step) | OURS
    in_order = sorted(texts, key=lambda text: len(text[0]))
    optimizers = {
        name: torch.optim.AdamW(model.parameters(), lr=1e-6, fused=name in OURS)
        for name, model in models.items()
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    for index in range(-1, rounds):
        for name, step in steps.items():
            start = time.process_time()
            order = in_order if step is bucket_step or name == SORTED else texts
            for first in range(0, len(order) if index >= 0 else batch, batch):  # one warms up
                optimizers[name].zero_grad()
                with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in name):
                    loss = step(models[name], order[first : first + batch])
                loss.backward()
                optimizers[name].step()
            if index >= 0:
                times[name].append(time.process_time() - start)
    return times.items()


def draw_texts(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Tokens and numbers of ``count`` texts, as long as those of 2 to 5 planets."""
    generator = torch.Generator().manual_seed(0)
    texts = []
    for _ in range(count):
        planets = int(torch.randint(2, 6, (), generator=generator))
        steps = int(torch.randint(30, 60, (), generator=generator))
        length = planets * (3 * steps + 8) + 15
        tokens = torch.randint(4, VOCAB, (length,), generator=generator)
        tokens[torch.rand(length, generator=generator) < 0.62] = NUM
        numbers = torch.randn(length, generator=generator)
        texts.append((tokens, numbers.where(tokens == NUM, 1.0)))
    return texts


def pad(texts: list) -> tuple[torch.Tensor, torch.Tensor]:
    """Texts in rows of the longest."""
    tokens, numbers = zip(*texts, strict=True)
    padded = torch.nn.utils.rnn.pad_sequence
    return padded(tokens, True, PAD), padded(numbers, True, 1.0)


def plain_step(model, texts) -> torch.Tensor:
    """Mask anything, padding too; answer everywhere."""
    tokens, numbers = pad(texts)
    seen = hide(tokens, numbers, torch.rand(tokens.shape) < HIDE)
    logits, values = model(seen.tokens, seen.numbers)
    return plain.loss(logits, values, tokens, numbers, seen.hidden, NUM)


def bucket_step(model, texts) -> torch.Tensor:
    """Texts of nearly one length; answer where something is hidden."""
    tokens, numbers = pad(texts)
    present = tokens != PAD
    seen = hide(tokens, numbers, (torch.rand(tokens.shape) < HIDE) & present)
    answers = model(seen.tokens, seen.numbers, present, seen.hidden)
    return answered_loss(*answers, tokens[seen.hidden], numbers[seen.hidden])


def packed_step(model, texts) -> torch.Tensor:
    """Several texts in one row, which do not see each other, each from position 0 on."""
    rows: list[list] = []
    for text in sorted(texts, key=lambda text: -len(text[0])):  # the first row with room
        room = [row for row in rows if sum(len(t) for t, _ in row) + len(text[0]) <= LENGTH]
        if not room:
            rows.append([])
        (room or rows[-1:])[0].append(text)
    whole = [tuple(torch.cat(parts) for parts in zip(*row, strict=True)) for row in rows]
    tokens, numbers = pad(whole)
    segments, places = torch.full(tokens.shape, -1), torch.zeros_like(tokens)
    for index, row in enumerate(rows):
        lengths = [len(text) for text, _ in row]
        segments[index, : sum(lengths)] = torch.repeat_interleave(torch.tensor(lengths))
        places[index, : sum(lengths)] = torch.cat([torch.arange(length) for length in lengths])
    seen = hide(tokens, numbers, (torch.rand(tokens.shape) < HIDE) & (tokens != PAD))
    embedding = model.embedding
    x = seen.numbers[..., None] * embedding.tokens(seen.tokens) + embedding.positions(places)
    x = model.encoder(x, segments[:, :, None] == segments[:, None])[seen.hidden]
    answers = model.token_head(x), model.number_head(x)
    return answered_loss(*answers, tokens[seen.hidden], numbers[seen.hidden])


def answered_loss(logits, values, tokens, numbers) -> torch.Tensor:
    """Of answers where something is hidden."""
    asked = tokens == NUM
    return F.cross_entropy(logits, tokens) + F.mse_loss(values[asked], numbers[asked][:, None])


OURS = {
    "buckets, fp32": bucket_step,
    "packed, fp32": packed_step,
} | ({"buckets, bf16 autocast": bucket_step} if bf16_products() else {})


if __name__ == "__main__":
    main()
