"""The original's own file at work: finetuned on a file of PDEBench, then rolled out."""

from pathlib import Path

import pytest
import torch
import yaml
from mpp_trained import command, complaint
from plain import random_weights

from mpp.convert.convert import from_reference
from mpp.data.simulated import Simulated
from mpp.data.sources import open_files
from mpp.data.writers import write_pdebench
from mpp.nn.field_vocabulary import PUBLISHED
from mpp.nn.rollout import rollout
from sciformer.training.checkpoints import checkpoint

WATER = {"frames": 7, "shape": [16, 16]}
CONFIG = {
    "trainer": {"accelerator": "cpu", "devices": 1, "max_epochs": 1, "log_every_n_steps": 1},
    "model": {"network": {"drop_path": 0.0}, "optimizer": {"warmup": 1}},
    "data": {"files": ["water.h5"], "history": 3, "test_horizon": 2, "steps": 2, "batch_size": 1},
}


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A small network in the layout of the original, and height in the layout of PDEBench."""
    monkeypatch.chdir(tmp_path)
    found = random_weights(48, 3, 2, 12)
    state = {f"module.{name}": value for name, value in found.items()}
    torch.save({"epoch": 3, "model_state": state}, "original.tar")
    made = Simulated("shallow_water", 6, 1, WATER)
    chosen = made.description.names.index("height")
    described = made.description._replace(
        components=made.description.components[chosen : chosen + 1], conserved=()
    )
    write_pdebench("water.h5", "shallow_water", made.arrays[:, :, chosen : chosen + 1], described)
    return found


@pytest.fixture(params=["original.tar", "ours.safetensors"])
def path(weights, request):
    if request.param != "original.tar":
        command("convert", "original.tar", request.param)
    return request.param


def test_a_rollout_is_the_originals_on_the_row_that_it_trained(weights, path, capsys):
    command("rollout", path, "water.h5", "--steps=2", "--history=3", "--out=rolled")
    assert (
        "water.h5: rows of the published weights: height is swe_height" in capsys.readouterr().err
    )
    source = open_files("water.h5")[1]
    frames = torch.from_numpy(source.read(0, 0, 3))[None]
    row = torch.tensor([PUBLISHED.index("swe_height")])
    with torch.no_grad():
        network = from_reference(weights)
        expected = rollout(network, frames, row, source.description.boundaries, 2)
    found = torch.from_numpy(open_files("rolled/rollout.h5")[1].read(0, 3, 5))
    torch.testing.assert_close(found, expected[0], atol=1e-3, rtol=1e-3)  # other sums without grad


def test_the_history_is_the_papers_in_every_verb(path, capsys):
    """16 frames, which this file has not; the same number is said by both verbs."""
    for words in (["rollout", path, "water.h5"], ["evaluate", path, "--data", "water.h5"]):
        assert "16" in complaint(capsys, *words)
    command("evaluate", path, "--data", "water.h5", "--history=3", "--steps=1", "--out=e")


def test_finetuning_uses_the_trained_rows_and_a_rollout_follows(weights, path):
    Path("new.yaml").write_text(yaml.safe_dump(CONFIG))
    quiet = ("--trainer.enable_progress_bar=false", "--threads=1")
    command("finetune", path, "--config=new.yaml", *quiet, "--trainer.default_root_dir=run")
    saved = checkpoint.read("run/last.ckpt")
    assert saved["hyper_parameters"]["fields"] == list(PUBLISHED)
    rows = saved["state_dict"]["model.stem.field_weight"]
    moved = (rows - weights["space_bag.weight"]).abs().amax(0)
    assert moved[0] > 0  # the height's
    assert moved[1:].max() < moved[0]
    command("rollout", "run", "water.h5", "--steps=2")


def test_a_new_row_that_is_like_a_trained_one_is_told(weights, capsys):
    entry = "{path: water.h5, rename: {height: h}}"
    Path("new.yaml").write_text(yaml.safe_dump(CONFIG))
    command(
        *("finetune", "original.tar", "--config=new.yaml", f"--data.files=[{entry}]"),
        *("--trainer.enable_progress_bar=false", "--threads=1"),
    )
    said = capsys.readouterr().err
    assert "h: a new row, though swe_height is like it" in said
    assert "--model.like '{h: swe_height}'" in said
