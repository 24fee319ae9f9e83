"""Trained runs: opened on a device, with their data, and reported beside their checkpoint."""

import json

import pytest
import torch
from minimal import MinimalData, MinimalModule

from sciformer.evaluation.run import open_run
from sciformer.training.checkpoints import checkpoint


@pytest.fixture
def folder(tmp_path):
    module = MinimalModule()
    state = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    state[checkpoint.DATA] = dict(MinimalData(samples=16).hparams)
    checkpoint.stamp(state, module, {"seed": 3})
    torch.save(state, tmp_path / "last.ckpt")
    return tmp_path


def test_a_run_is_its_network_its_record_and_the_data_of_its_training(folder):
    run = open_run(folder, MinimalModule, "cpu")
    assert (run.path, run.record) == (folder / "last.ckpt", {"seed": 3})
    assert not run.module.training
    data = run.data(MinimalData, batch_size=4)
    assert (data.samples, data.batch_size) == (16, 4)


def test_data_that_have_moved_are_named_with_the_option_that_gives_others(folder):
    run = open_run(folder, MinimalModule, "cpu")
    with pytest.raises(ValueError, match=r"last.ckpt: .*elsewhere.*; .* with --data"):
        run.data(MinimalData, shards=str(folder / "elsewhere"))


def test_an_unknown_device_is_refused(folder):
    with pytest.raises(ValueError, match="device: 'abacus' cannot be used"):
        open_run(folder, MinimalModule, "abacus")


def test_a_report_is_written_beside_the_checkpoint_and_replaces_none_unasked(folder, capsys):
    run = open_run(folder, MinimalModule, "cpu")
    for overwrite in (False, True):
        with run.report("Noise", None, overwrite) as report:
            report.add_metrics({"id/mse": 1.0})
    written = json.loads((folder / "report/metrics.json").read_text())
    assert (written["id/mse"], written["run"]["seed"]) == (1, 3)
    assert str(folder / "report/index.html") in capsys.readouterr().out
    with pytest.raises(ValueError, match="--overwrite"), run.report("Noise", None, False):
        pass


def test_a_report_that_cannot_be_filled_is_not_written(folder):
    run = open_run(folder, MinimalModule, "cpu")
    with pytest.raises(ValueError, match="no window"), run.report("Noise", None, False):
        raise ValueError("no window")
    assert not list((folder / "report").iterdir())
