"""xVal: the embedding, the network, a training step, what is hidden, and answers."""

import torch
from case import Call, Case, Pass, built, differentiable, module, training_step
from parts import XVAL
from torch import Tensor

VOCAB, NUM = 300, 3
DIM, DEPTH, HEADS = 128, 1, 4
SETS = [{"set": "orbits", "count": 128}, {"set": "trees", "count": 128}]


def texts(batch: int, time: int) -> tuple[Tensor, Tensor]:
    """Tokens, three of five of them numbers as in the paper's planets, and their values."""
    tokens = torch.randint(4, VOCAB, (batch, time))
    tokens[torch.rand(batch, time) < 0.6] = NUM
    return tokens, torch.randn(batch, time).where(tokens == NUM, 1.0)


def embedding(batch: int, time: int, dim: int, scales: tuple[float, ...] = ()) -> Case:
    def build():
        return XVAL.NumberEmbedding(VOCAB, dim, time, scales), texts(batch, time)

    return module(build)


def network(causal: bool = False) -> Case:
    def build():
        model = XVAL.XVal(VOCAB, DIM, DEPTH, HEADS, causal=causal)
        tokens, numbers = texts(4, 64)
        present = torch.arange(64) < torch.linspace(32, 64, 4)[:, None]
        at = present & (torch.rand(4, 64) < 0.3)
        return (lambda: sum_of(model(tokens, numbers, present, at))), list(model.parameters())

    return differentiable(build)


def sum_of(outputs: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([out.sum() for out in outputs]).sum()


def data():
    found = XVAL.TextData(SETS, context=128, batch_size=16)
    found.setup()
    return found


def trained(source, **options):
    torch.manual_seed(0)
    sizes = {"dim": DIM, "depth": DEPTH, "heads": HEADS, "length": 128}
    own = built(XVAL.XValModule, encoding=source.coding, **sizes, steps=1000, **options)
    own.fit_transforms(source)
    return own


def step(kind: Pass) -> Call:
    source = data()
    own, batch = trained(source), next(iter(source.train_dataloader()))

    def loss() -> Tensor:
        found = own.losses(batch)
        return found.token_sum / found.tokens + found.number_sum / found.numbers

    return training_step(own, loss)


def answers(kind: Pass) -> Call:
    source = data()
    own, batch = trained(source).eval(), next(iter(source.train_dataloader()))
    return torch.no_grad()(lambda: own.answer(batch))


def fill(kind: Pass) -> Call:
    torch.manual_seed(0)
    model = XVAL.XVal(VOCAB, 64, 1, HEADS, length=64).eval()
    tokens, numbers = texts(8, 64)
    tokens[:, 10:13] = 1  # three passes
    fill = XVAL.fill
    return lambda: fill(model, tokens, numbers)


def generate(kind: Pass) -> Call:
    torch.manual_seed(0)
    model = XVAL.XVal(VOCAB, 64, 1, HEADS, length=64, causal=True).eval()
    tokens, numbers = texts(8, 32)
    lengths, generate = torch.full((8,), 32), XVAL.generate
    return lambda: generate(model, tokens, numbers, lengths, 4, stop=False)


def transforms(kind: Pass) -> Call:
    source = data()
    own, batch = trained(source, transform="asinh"), next(iter(source.train_dataloader()))
    units = own.units

    def call() -> None:
        for _ in range(8):
            seen = units.channel(batch.tokens, batch.numbers, batch.fields)
            units.inverse(seen, batch.fields)

    return call


def scores(kind: Pass) -> Call:
    torch.manual_seed(0)
    said, true, scores = torch.randn(10_000), torch.randn(10_000), XVAL.scores
    return lambda: scores(said, true)


CASES = {
    "xval embedding": embedding(8, 128, 64),
    "xval embedding dim 768": embedding(4, 256, 768),
    "xval embedding with scales": embedding(8, 128, 64, (0.1, 1.0, 10.0)),
    "xval network": network(),
    "xval network causal": network(causal=True),
    "xval step": Case(step),
    "xval answers": Case(answers),
    "xval fill": Case(fill),
    "xval generate": Case(generate),
    "xval scores": Case(scores, memory=()),
    "xval transforms": Case(transforms, memory=()),
}
