"""A network and data that train in moments."""

import warnings

import torch
from trainers import silent_trainer

from sciformer.arguments import with_tables
from xval.data.datamodule import TextData
from xval.module import XValModule

NETWORK = {"dim": 16, "depth": 1, "heads": 2, "warmup": 1}
SETS = [
    {"set": "orbits", "count": 60, "parameters": {"frames": 2}},
    {"set": "orbits", "count": 9, "split": "test", "parameters": {"frames": 2, "outside": 1.0}},
    {"set": "trees", "count": 40},
]


def data(**options):
    """Texts of two sets and of different lengths, some of them in a gap; set up."""
    given = {"sets": SETS, "gaps": {"a": [1.0, 1.125]}, "context": 64, "batch_size": 16}
    made = TextData(**{**given, **options})
    made.setup()
    return made


def built(**options):
    """A module of plain settings, as a checkpoint has them."""
    return XValModule(**with_tables(XValModule, options))


def module(data, **options):
    """With the transforms of the data; the same weights whatever was drawn before."""
    torch.manual_seed(0)
    own = built(encoding=data.coding, length=data.context, **{**NETWORK, "steps": 10, **options})
    own.fit_transforms(data)
    return own


def batch(data):
    """The first of the training."""
    with warnings.catch_warnings(action="ignore"):  # of texts that are left over
        return next(iter(data.train_dataloader()))


def taught(data, steps=120, **options):
    """A module that knows at least where numbers go."""
    own = module(data, **options)
    optimizer = torch.optim.AdamW(own.parameters(), lr=1e-2)
    done = 0
    while done < steps:
        with warnings.catch_warnings(action="ignore"):
            loader = data.train_dataloader()
        for one in loader:
            found = own.losses(one)
            loss = found.token_sum / found.tokens + found.number_sum / found.numbers.clamp(min=1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
    return own.eval()


def trainer(**options):
    """That writes nothing and says nothing."""
    return silent_trainer(**{"max_epochs": 1, "devices": 1, **options})


def texts_of(data, loader):
    """What is in the batches, without padding."""
    for batch in loader:
        for row, length in enumerate(batch.lengths.tolist()):
            tokens, numbers = (x[row, :length].numpy() for x in (batch.tokens, batch.numbers))
            yield data.code.decode_text(tokens, numbers)
