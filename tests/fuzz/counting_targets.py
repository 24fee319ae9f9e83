"""Readers of contextual counting: its sequences on the disk, its networks."""

import weight_edits
from core_targets import SEALED, save_run
from target import Target

from contextual_counting.data.datamodule import CountingData
from contextual_counting.data.shards import simulate
from contextual_counting.data.written_sequences import by_shape, read_sequences
from contextual_counting.evaluation.predictions import open_with_data
from contextual_counting.module import CountingModule, Network


def shards(folder):
    simulate(str(folder), shards=2, samples=8, length=32, regions=[1, 3], density=[0.2, 0.8])


def read_shards(folder):
    data = CountingData(length=32, regions=2, shards=str(folder), batch_size=4)
    yield
    for _ in data.train_dataloader():
        pass
    yield


def trained(folder):
    module = CountingModule(Network(dim=8, heads=2), length=32, regions=2)
    save_run(folder, module, dict(CountingData(length=32, regions=2).hparams))


def read_trained(folder):
    open_with_data(folder / "last.ckpt")
    yield


def text(folder):
    (folder / "own.txt").write_text("# own\n0 1 [ 1 0 ] 1\n[11][0]\n")


def read_text(folder):
    written = read_sequences(str(folder / "own.txt"))
    yield
    by_shape(written)
    yield


TARGETS = [
    Target("counting text", text, read_text),
    Target("counting shards", shards, read_shards, **SEALED),
    Target("counting checkpoint", trained, read_trained, weight_edits.TORCH),
]
