"""Readers of xVal: tables, stations, shards, networks, kept answers."""

import formats
import numpy as np
import plain_xval
import torch
import weather_tables
import weight_edits
import xval_small
from mutations import change_cells, to
from target import Target

from sciformer.data.shards.index import Recipe
from sciformer.data.shards.writer import write_shards
from sciformer.training.checkpoints import checkpoint
from xval.convert import convert
from xval.data.datamodule import TextData
from xval.data.rows import read_rows
from xval.data.shards import GENERATOR, make_sample
from xval.data.sources import open_files
from xval.evaluation.comparison import Comparison, read_answers, write_answers
from xval.module import XValModule
from xval.nn.intervals import Spread
from xval.simulate.registry import VERSION, text_set

CSV = 'name,mass,note,when,split\nX1,1.50,"say ""hi""",2014-7-1,a\nY2,-3e-07,,2014-7-2,b\n'
TSV = "a\tb\n1\t2.5\nx\t3\n"
LINES = (
    '{"a": 1.50, "b": [2e3, {"c": null}], "d": "x y"}\n{"a": 2, "b": [], "d": "it\'s"}\n"a = 3"\n'
)
ALL = {"train": 1.0, "val": 0.0, "test": 0.0}  # two texts are too few for three splits


def write_text(name, text):
    return lambda folder: (folder / name).write_text(text)


def read_text(name, **table):
    def read(folder):
        read_rows(folder / name)
        yield
        (source,) = open_files({"path": str(folder / name), **table}, "id")
        yield
        source.texts(0, source.size)
        yield
        files = [{"path": str(folder / name), **table}]
        data = TextData(files=files, splits=ALL, context=256, batch_size=1)
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
    data = TextData(shards=str(folder), splits=ALL, context=256, batch_size=1)
    yield
    data.setup()
    yield


def trained(folder):
    data = TextData(sets=xval_small.SETS[:1], context=64, batch_size=16)
    module = xval_small.built(encoding=data.coding, length=64, **xval_small.NETWORK, steps=10)
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
    spreads = {"model": Spread(truth, truth, truth, truth[:, None])}
    write_answers(
        folder / "a.npz",
        [Comparison("s", ["a"], np.zeros(3, int), truth, {"model": truth}, 3, 9.5, 1.0, spreads)],
    )


def read_kept(folder):
    read_answers(folder / "a.npz")
    yield


COMMA, TAB, JSONL = (to(f"a.{kind}", change_cells) for kind in ("csv", "tsv", "jsonl"))
STATION = {"target": "actual_mean_temp", "columns": ["actual_min_temp"], "history": 3}
TARGETS = [
    Target("xval csv", write_text("a.csv", CSV), read_text("a.csv", id="name"), COMMA),
    Target("xval tsv", write_text("a.tsv", TSV), read_text("a.tsv", text=["a"]), TAB),
    Target("xval jsonl", write_text("a.jsonl", LINES), read_text("a.jsonl"), JSONL),
    Target("xval station", stations, read_text("a.csv", **STATION), COMMA),
    Target("xval shards", shards, read_shards, (formats.index, formats.members), formats.resealed),
    Target("xval checkpoint", trained, read_trained, weight_edits.TORCH),
    Target("xval original", original, read_original, weight_edits.TORCH),
    Target("xval converted", converted, read_converted, weight_edits.PLAIN),
    Target("xval answers", answers, read_kept, (formats.npz,)),
]
