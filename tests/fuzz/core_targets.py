"""Readers of the core: shards, checkpoints, weights, configurations, kept figures."""

import formats
import numpy as np
import torch
import weight_edits
from minimal import Batch, MinimalModule, make_sample
from mutations import change_cells, change_json, change_words, to
from target import Target

from sciformer.cli.config_errors import check_configs
from sciformer.data.shards.dataset import ShardedDataset
from sciformer.data.shards.index import Recipe, read_index
from sciformer.data.shards.streaming import stream
from sciformer.data.shards.verify import damage
from sciformer.data.shards.writer import write_shards
from sciformer.strict_json import read_json, to_json
from sciformer.training.checkpoints import checkpoint
from sciformer.training.checkpoints.export import export
from sciformer.training.checkpoints.original_weights import (
    Converted,
    read_original,
    write_converted,
)
from sciformer.training.table import Rows

CONFIG = """seed_everything: 1
model:
  dim: 16
  heads: 2
data: &data
  samples: 64
  shards: null
  more: [1, 2.5, text]
trainer: {max_epochs: 2, logger: false, accelerator: cpu}
"""


def shards(folder):
    write_shards(folder, make_sample, Recipe("minimal", "1", 0, 7, 2, {"x": "m"}, {"a": [1]}))


def plain_shards(folder):
    def make(number):
        return {"x": np.arange(number + 1.0), "note": {"n": number}, "name": np.array(["ab"])}

    write_shards(folder, make, Recipe("plain", "1", 0, 5, 2))


def read_shards(kind):
    def read(folder):
        data = ShardedDataset(folder, kind)
        yield
        samples = [data[0], data[len(data) - 1]]
        yield
        batch = data.__getitems__(list(range(min(len(data), 8))))
        samples += [batch[0], *data.__getitems__([0, 0])]
        yield

    return read


def read_stream(folder):
    read_index(folder)
    yield
    for line in damage(folder):
        assert "\n" not in line
    yield
    for _ in stream(folder):
        pass
    yield


def save(folder):
    torch.manual_seed(0)
    save_run(folder, MinimalModule(dim=8, heads=2), {"dim": 8, "shards": None})


def save_run(folder, module, data):
    """Write a checkpoint of a network, as a run would."""
    state = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    state |= {"datamodule_hyper_parameters": data, "epoch": 1}
    state |= {"global_step": 3, "loops": {}, "callbacks": {}, "lr_schedulers": []}
    adam = torch.optim.AdamW(module.parameters())
    state["optimizer_states"] = [adam.state_dict()]
    state["pytorch-lightning_version"] = "2.6.0"
    run = {"seed": 0, "cpu_s": 1.5, "wall_s": 2, "peak_gib": 0.1, "versions": {"torch": "2"}}
    checkpoint.stamp(state, module, run)
    torch.save(state, folder / "last.ckpt")


def read_checkpoint(folder):
    path = checkpoint.find(folder)
    saved = checkpoint.read(path)
    yield
    checkpoint.load(path, MinimalModule)
    yield
    checkpoint.run_record(saved)
    checkpoint.check_resumable(path, saved)
    export(str(folder), str(folder / "out.safetensors"))
    yield


def exported(folder):
    save(folder)
    export(str(folder), str(folder / "a.safetensors"))
    (folder / "last.ckpt").unlink()


def read_exported(folder):
    path = folder / "a.safetensors"
    checkpoint.read(path)
    yield
    checkpoint.load(path, MinimalModule)
    yield
    export(str(path), str(folder / "out.ckpt"))
    yield


def weights(folder):
    state = {f"module.blocks.{n}.a": torch.ones(2, 3) for n in range(3)}
    torch.save({"epoch": 1, "state_dict": state}, folder / "a.pt")


def read_weights(folder):
    found = read_original(folder / "a.pt")
    yield
    write_converted("toy", str(folder / "a.safetensors"), Converted({}, {}, []))
    yield
    assert len(found) < 10**6
    yield


def config(folder):
    (folder / "a.yaml").write_text(CONFIG)


def read_config(folder):
    check_configs(["fit", "--config", str(folder / "a.yaml")])
    yield


def rows(folder):
    text = "step,epoch,train/loss\n0,0,1.5\n10,0,\n20,1,0.25\n"
    (folder / "metrics.csv").write_text(text)


def read_rows(folder):
    kept = Rows(str(folder))
    yield
    kept.keep(20)
    kept.log_metrics({"val/loss": 1.0}, 20)
    kept.save()
    yield


def figures(folder):
    (folder / "a.json").write_text(to_json({"loss": 0.1, "run": {"results": [], "wall_s": 1.0}}))


def read_figures(folder):
    read_json(folder / "a.json")
    yield


SEALED = {"edits": (formats.index, formats.members, formats.members), "seal": formats.resealed}
TARGETS = [
    Target("core shards", shards, read_shards(Batch), **SEALED),
    Target("core shards, any", plain_shards, read_shards(dict), **SEALED),
    Target("core stream", shards, read_stream, **SEALED),
    Target("core checkpoint", save, read_checkpoint, weight_edits.TORCH),
    Target("core safetensors", exported, read_exported, weight_edits.PLAIN),
    Target("core weights", weights, read_weights, weight_edits.TORCH),
    Target("core yaml", config, read_config, to("a.yaml", change_words)),
    Target("core metrics.csv", rows, read_rows, to("metrics.csv", change_cells)),
    Target("core json", figures, read_figures, to("a.json", change_json)),
]
