"""The core's loaders and shards: CPU time of a pass over a small data set."""

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from case import Call, Case, Pass
from torch import Tensor
from torch.utils.data import Dataset

from sciformer.data.index import Recipe
from sciformer.data.loading import generated_loader, seeded_loader, split_by_id
from sciformer.data.sharded import ShardedDataset
from sciformer.data.shards import write_shards

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
    folder = Path(tempfile.mkdtemp(prefix="bench-shards-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    def make_sample(number: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(number)
        image = rng.standard_normal((4, 16, 16)).astype(np.float32)
        return {"image": image, "label": np.array(number)}

    write_shards(folder, make_sample, Recipe("bench", "1", 0, SAMPLES, 4, {}))
    return folder


def in_memory(kind: Pass) -> Call:
    loader = seeded_loader(Memory(), 64, seed=0)
    return lambda: sum(len(batch.label) for batch in loader)


def generated(kind: Pass) -> Call:
    def make(step: int) -> Sample:
        images = torch.full((64, 4, 16, 16), float(step))
        return Sample(images, torch.arange(64))

    loader = generated_loader(make, 32)
    return lambda: sum(len(batch.label) for batch in loader)


def shards(kind: Pass) -> Call:
    dataset = ShardedDataset(written(), Sample)
    return lambda: sum(int(dataset[index].label) for index in range(SAMPLES))


def loaded_shards(kind: Pass) -> Call:
    loader = seeded_loader(ShardedDataset(written(), Sample), 64, seed=0)
    return lambda: sum(len(batch.label) for batch in loader)


def first_pass(kind: Pass) -> Call:
    folder = written()

    def call() -> int:
        loader = seeded_loader(ShardedDataset(folder, Sample), 64, seed=0)
        return sum(len(batch.label) for batch in loader)

    return call


def split(kind: Pass) -> Call:
    ids = range(2000)
    return lambda: split_by_id(ids, {"train": 0.8, "val": 0.2})


CASES = {
    "loader in memory": Case(in_memory),
    "loader generated": Case(generated),
    "shards by number": Case(shards),
    "loader of shards": Case(loaded_shards),
    "loader of shards, first pass": Case(first_pass),
    "split by id": Case(split),
}
