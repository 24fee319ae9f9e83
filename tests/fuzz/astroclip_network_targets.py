"""Readers of AstroCLIP: embeddings, checkpoints, weights of the original."""

import astroclip_small
import formats
import numpy as np
import plain_astroclip
import weight_edits
from astroclip_targets import opened
from safetensors.torch import save_file
from target import Target

from astroclip.convert import convert
from astroclip.inference import embedding_files
from astroclip.inference.bank import Bank
from astroclip.module import AstroCLIPModule
from sciformer.evaluation.run import open_run

HEADS = {"heads": 3, "image_heads": 2, "pooling_heads": 4}


def embedded(suffix):
    def write(folder):
        random = np.random.default_rng(0)
        vectors = {name: random.random((4, 3), np.float32) for name in embedding_files.VECTORS}
        labels = {"redshift": np.arange(4, dtype=np.float32)}
        part = embedding_files.Embeddings(list("abcd"), labels, random.random((4, 2)), vectors)
        embedding_files.write(folder / f"e{suffix}", [part], {"weights": "x"})

    return write


def read_embedded(folder):
    (path,) = (path for path in folder.iterdir() if path.suffix in embedding_files.SUFFIXES)
    opened(path)
    yield
    found = embedding_files.read(path)
    yield
    found.rows([0, len(found.ids) - 1])
    bank = Bank(path)
    bank.rows_of(["a", "b"])
    bank.take([embedding_files.ID, *bank.vectors, *bank.labels], [len(bank) - 1, 0])
    bank.whole()
    yield
    embedding_files.read_about(path)
    yield


def read_trained(folder):
    open_run(folder, AstroCLIPModule, "cpu")
    yield


def original(folder):
    model = plain_astroclip.random_weights(plain_astroclip.AstroCLIP())
    save_file(model.state_dict(), folder / "a.safetensors")


def read_original(folder):
    convert.convert(str(folder / "a.safetensors"), str(folder / "out.safetensors"), **HEADS)
    yield
    convert.load(folder / "out.safetensors")
    yield


def converted(folder):
    original(folder)
    convert.convert(str(folder / "a.safetensors"), str(folder / "b.safetensors"), **HEADS)
    (folder / "a.safetensors").unlink()


def read_converted(folder):
    convert.load(folder / "b.safetensors")
    yield
    open_run(folder / "b.safetensors", AstroCLIPModule, "cpu")
    yield


TARGETS = [
    Target("astroclip embeddings parquet", embedded(".parquet"), read_embedded, (formats.parquet,)),
    Target("astroclip embeddings npz", embedded(".npz"), read_embedded, (formats.npz,)),
    Target("astroclip checkpoint", astroclip_small.save, read_trained, weight_edits.TORCH),
    Target("astroclip original", original, read_original, weight_edits.PLAIN),
    Target("astroclip converted", converted, read_converted, weight_edits.PLAIN),
]
