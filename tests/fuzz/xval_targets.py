"""Readers of xVal: tables, stations, shards, networks, kept answers."""

import sys
from pathlib import Path

import formats
import numpy as np
import torch
from target import Target

HERE = Path(__file__).parents[1]
sys.path.append(str(HERE / "xval"))
import plain_xval
import weather_tables
import xval_small
from mutations import change_cells

from sciformer.data.index import Recipe
from sciformer.data.shards import write_shards
from sciformer.training import checkpoint
from xval import convert
from xval.comparison import Comparison
from xval.data.module import TextData
from xval.data.shards import GENERATOR, make_sample
from xval.data.sources import open_files
from xval.module import XValModule
from xval.simulate.registry import VERSION, text_set
from xval.tested import _read, _write

ROWS = ["name,mass,note,when,split", 'X1,1.50,"say ""hi""",2014-7-1,a', "Y2,-3e-07,,2014-7-2,b"]
LINES = (
    '{"a": 1.50, "b": [2e3, {"c": null}], "d": "x y"}\n{"a": 2, "b": [], "d": "it\'s"}\n"a = 3"\n'
)


def write_text(name, text):
    return lambda folder: (folder / name).write_text(text)


def read_text(name, **table):
    def read(folder):
        (source,) = open_files({"path": str(folder / name), **table}, "id")
        yield
        source.texts(0, source.size)
        yield
        data = TextData(files=[{"path": str(folder / name), **table}], context=256, batch_size=1)
        data.setup()
        yield

    return read


def stations(folder):
    weather_tables.write(folder / "tables", ["KAAA"], days=14)
    (folder / "tables/KAAA.csv").rename(folder / "a.csv")


def shards(folder):
    every = text_set("orbits").parameters_with({"frames": 2})
    made = Recipe(GENERATOR, VERSION, 0, 5, 2, {}, {"set": "orbits", "parameters": every})
    pairs = tuple(every.items())
    write_shards(folder, lambda n: make_sample(n, "orbits", 0, 5, pairs), made)


def read_shards(folder):
    data = TextData(shards=str(folder), context=256, batch_size=1)
    yield
    data.setup()
    yield


def trained(folder):
    data = TextData(sets=xval_small.SETS[:1], context=64, batch_size=16)
    module = XValModule(data.coding, length=64, **xval_small.NETWORK, steps=10)
    state = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    state["datamodule_hyper_parameters"] = dict(data.hparams)
    checkpoint.stamp(state, module, {"seed": 0})
    torch.save(state, folder / "last.ckpt")


def read_trained(folder):
    path = checkpoint.find(folder)
    checkpoint.read(path)
    yield
    checkpoint.load(path, XValModule)
    yield


def original(folder):
    model = plain_xval.random_plain(27, 48, 2, 3, 96, 64)
    torch.save({"state_dict": model.state_dict()}, folder / "a.pt")


def read_original(folder):
    convert.convert(str(folder / "a.pt"), str(folder / "out.safetensors"), heads=3)
    yield
    convert.load(folder / "out.safetensors")
    yield


def converted(folder):
    original(folder)
    convert.convert(str(folder / "a.pt"), str(folder / "a.safetensors"), heads=3)
    (folder / "a.pt").unlink()


def read_converted(folder):
    convert.load(folder / "a.safetensors")
    yield


def answers(folder):
    truth = np.arange(3.0)
    _write(
        folder / "a.npz",
        [Comparison("s", ["a"], np.zeros(3, int), truth, {"model": truth}, 3, 9.5, 1.0)],
    )


def read_answers(folder):
    _read(folder / "a.npz")
    yield


def cells(name):
    return (lambda folder, random: change_cells(folder / name, random),)


STATION = {"target": "actual_mean_temp", "columns": ["actual_min_temp"], "history": 3}
TARGETS = [
    Target(
        "xval csv",
        write_text("a.csv", "\n".join(ROWS)),
        read_text("a.csv", id="name"),
        cells("a.csv"),
    ),
    Target(
        "xval tsv",
        write_text("a.tsv", "a\tb\n1\t2.5\nx\t3\n"),
        read_text("a.tsv", text=["a"]),
        cells("a.tsv"),
    ),
    Target("xval jsonl", write_text("a.jsonl", LINES), read_text("a.jsonl"), cells("a.jsonl")),
    Target("xval station", stations, read_text("a.csv", **STATION), cells("a.csv")),
    Target("xval shards", shards, read_shards, (formats.index, formats.members), formats.resealed),
    Target("xval checkpoint", trained, read_trained, (formats.checkpoint, formats.pickled)),
    Target("xval original", original, read_original, (formats.checkpoint, formats.pickled)),
    Target("xval converted", converted, read_converted, (formats.safetensors_header,)),
    Target("xval answers", answers, read_answers, (formats.npz,)),
]
