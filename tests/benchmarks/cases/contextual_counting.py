"""Contextual counting: count attention, network, training step, sequences and their loaders."""

from itertools import islice

import torch
from case import Call, Case, Pass, differentiable, module, training_step
from files import own
from parts import CORE, COUNTING
from torch import Tensor
from torch.nn.functional import cross_entropy

DIM, TOKENS = 64, 5


def counting(
    batch: int, time: int, heads: int = 1, causal: bool = True, dtype: torch.dtype = torch.float32
) -> Case:
    def build():
        attention = CORE.SelfAttention(DIM, heads, causal).to(dtype)
        classes = torch.randn(TOKENS, DIM, dtype=dtype)
        normed = torch.randn(TOKENS, DIM, dtype=dtype)
        seen = torch.randint(TOKENS, (batch, time, 1)) == torch.arange(TOKENS)
        leaves = [*attention.parameters(), normed, classes]
        count_attention = COUNTING.count_attention
        return (lambda: count_attention(attention, normed, classes, seen)), leaves

    return differentiable(build, recorded=True)


def network(time: int, **options) -> Case:
    def build():
        model = COUNTING.CountingTransformer(DIM, length=time, **options)
        tokens = torch.randint(4, (2048 // time, time))
        return (lambda: model(tokens, 4)), list(model.parameters())

    return differentiable(build)


def encoder(time: int) -> Case:
    return module(
        lambda: (COUNTING.CountingTransformer(DIM).encoder, (torch.randint(4, (4, time)),))
    )


def step(kind: Pass) -> Call:
    torch.manual_seed(0)
    network = COUNTING.CountingModule(steps=[1000])
    batch = COUNTING.CountingData(length=512, regions=4, batch_size=8).draw(0)

    def loss() -> Tensor:
        logits = network.model(batch.tokens, 4)
        return cross_entropy(logits.flatten(0, 1), batch.counts.flatten())

    return training_step(network, loss)


def draw(**settings) -> Case:
    def make(kind: Pass) -> Call:
        data = COUNTING.CountingData(**settings)
        return lambda: [data.draw(number) for number in range(8)]

    return Case(make)


def loader(kind: Pass) -> Call:
    data = COUNTING.CountingData(length=64, regions=2, batch_size=64)
    train = data.train_dataloader()
    return lambda: sum(len(batch.tokens) for batch in islice(train, 16))


def validation(kind: Pass) -> Call:
    batches = COUNTING.CountingData(length=64, regions=2).val_dataloader()
    return lambda: sum(len(batch.tokens) for batch in batches)


def shards(kind: Pass) -> Call:
    folder = str(own() / "shards")
    COUNTING.simulate(folder, shards=2, samples=256, length=64, regions=2)

    def call() -> None:
        train = COUNTING.CountingData(shards=folder, batch_size=32).train_dataloader()
        sum(len(batch.tokens) for batch in train)

    return call


def fewer(kind: Pass) -> Call:
    """Hide brackets from the decoder, as the curriculum does."""
    batch = COUNTING.CountingData(length=512, regions=4, batch_size=64).draw(0)
    hide = COUNTING.with_fewer_regions
    return lambda: hide(batch.tokens, batch.counts, 0.5)


def loose(kind: Pass) -> Call:
    """Hide tokens that no count depends on."""
    batch = COUNTING.CountingData(length=512, regions=4, batch_size=64).draw(0)
    hide = COUNTING.without_loose_tokens
    return lambda: hide(batch.tokens, 0.5)


def text(kind: Pass) -> Call:
    path = own() / "sequences.txt"
    path.write_text(100 * "0 1 [ 1 0 ] 1 1 [ 1 ] 0\n")
    return lambda: COUNTING.read_sequences(str(path))


VARIED = {"steps": 100, "lengths": [32, 64], "regions": [1, 3], "density": [0.1, 0.9]}
CASES = {
    "count attention T64": counting(32, 64),
    "count attention T512": counting(4, 512),
    "count attention T512 4 heads": counting(4, 512, heads=4),
    "count attention T512 not causal": counting(4, 512, causal=False),
    "count attention bf16 T64": counting(32, 64, dtype=torch.bfloat16),
    "count attention bf16 T512": counting(4, 512, dtype=torch.bfloat16),
    "counting encoder T512": encoder(512),
    "counting network T64": network(64),
    "counting network T512": network(512),
    "counting network T512 rotary": network(512, positions="rotary"),
    "counting step T512": Case(step),
    "draw T64 varied": draw(length=64, regions=2, stages=[VARIED]),
    "draw T512": draw(length=512),
    "counting loader": Case(loader),
    "counting reader shards": Case(shards),
    "counting hidden regions": Case(fewer),
    "counting hidden tokens": Case(loose),
    "counting reader text": Case(text),
    "counting validation loader": Case(validation),
}
