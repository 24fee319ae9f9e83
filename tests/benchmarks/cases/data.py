"""The core's loaders and shards: CPU time of a pass over a small data set."""

from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from case import Call, Case, Pass
from files import own
from parts import CORE
from torch import Tensor
from torch.utils.data import Dataset

SAMPLES = 256


class Sample(NamedTuple):
    """A small image and its label."""

    image: Tensor
    label: Tensor


class Memory(Dataset[Sample]):
    """Samples that are there already."""

    def __init__(self) -> None:
        self.images = torch.randn(1, 4, 16, 16).expand(SAMPLES, -1, -1, -1)  # small beside a batch
        self.labels = torch.arange(SAMPLES)

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.images[index], self.labels[index])


def written() -> Path:
    folder = own()
    CORE.write_shards(folder, make_sample, CORE.Recipe("bench", "1", 0, SAMPLES, 4, {}))
    return folder


def make_sample(number: int) -> dict[str, np.ndarray]:
    return {"image": np.full((4, 16, 16), number, np.float32), "label": np.array(number)}


def in_memory(kind: Pass) -> Call:
    loader = CORE.seeded_loader(Memory(), 64, seed=0)
    return lambda: sum(len(batch.label) for batch in loader)


def generated(kind: Pass) -> Call:
    def make(step: int) -> Sample:
        images = torch.full((64, 4, 16, 16), float(step))
        return Sample(images, torch.arange(64))

    loader = CORE.generated_loader(make, 32)
    return lambda: sum(len(batch.label) for batch in loader)


def shards(kind: Pass) -> Call:
    dataset = CORE.ShardedDataset(written(), Sample)
    return lambda: sum(int(dataset[index].label) for index in range(SAMPLES))


def loaded_shards(kind: Pass) -> Call:
    loader = CORE.seeded_loader(CORE.ShardedDataset(written(), Sample), 64, seed=0)
    return lambda: sum(len(batch.label) for batch in loader)


def first_pass(kind: Pass) -> Call:
    folder, seeded_loader, dataset = written(), CORE.seeded_loader, CORE.ShardedDataset

    def call() -> int:
        loader = seeded_loader(dataset(folder, Sample), 64, seed=0)
        return sum(len(batch.label) for batch in loader)

    return call


def split(kind: Pass) -> Call:
    ids, split_by_id = range(2000), CORE.split_by_id
    return lambda: split_by_id(ids, {"train": 0.8, "val": 0.2})


def streamed(kind: Pass) -> Call:
    folder, stream = written(), CORE.stream
    return lambda: sum(int(sample.label) for sample in islice(stream(folder, Sample), 64))


def verified(kind: Pass) -> Call:
    folder, damage = written(), CORE.damage
    return lambda: list(damage(folder))


def writing(kind: Pass) -> Call:
    write_shards, recipe = CORE.write_shards, CORE.Recipe("bench", "1", 0, 32, 2, {})
    return lambda: write_shards(own(), make_sample, recipe)


CASES = {
    "loader in memory": Case(in_memory),
    "loader generated": Case(generated),
    "shards by number": Case(shards),
    "loader of shards": Case(loaded_shards),
    "loader of shards, first pass": Case(first_pass),
    "shards streamed": Case(streamed),
    "shards verified": Case(verified),
    "shards written": Case(writing, memory=()),
    "split by id": Case(split),
}
