import sys

import pytest
import torch
from minimal import PROJECT, MinimalModule
from two_ranks import fit

from sciformer.cli.main import run
from sciformer.training.checkpoints.checkpoint import STAMP, load, read
from sciformer.training.checkpoints.export import export


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The last checkpoint of a run."""
    root, threads = tmp_path_factory.mktemp("run"), torch.get_num_threads()
    fit(root, "--trainer.max_steps=2", "--data.dim=4", "--model.heads=1")
    torch.set_num_threads(threads)
    return root / "last.ckpt"


def test_a_checkpoint_becomes_safetensors_and_a_checkpoint_again(written, tmp_path):
    plain, back = tmp_path / "x.safetensors", tmp_path / "x.ckpt"
    export(str(written), str(plain))
    export(str(plain), str(back))
    weights = read(written)["state_dict"]
    for path in (plain, back):
        found = read(path)
        assert all(
            torch.equal(tensor, found["state_dict"][name]) for name, tensor in weights.items()
        )
        assert found.keys() == read(written).keys() & found.keys()
        assert found[STAMP] == read(written)[STAMP]
        assert dict(load(path, MinimalModule).hparams) == {"dim": 4, "heads": 1, "lr": 0.01}


def test_what_was_exported_is_tested_but_not_trained(written, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["minimal"])
    monkeypatch.chdir(tmp_path)
    for name in ("x.safetensors", "x.ckpt"):
        export(str(written), name)
        words = ["--trainer.accelerator=cpu", f"--ckpt_path={name}"]
        run(PROJECT, ["test", *words, "--trainer.enable_progress_bar=false"])
        assert "test/loss" in capsys.readouterr().out
        with pytest.raises(SystemExit, match="2"):
            run(PROJECT, ["fit", *words])
        err = capsys.readouterr().err
        assert err == f"minimal fit: error: {name}: weights alone, from which no training goes on\n"


@pytest.mark.parametrize("name", ["x.pt", "x", ".ckpt"])
def test_a_file_of_another_kind_is_not_exported(name, written, tmp_path):
    with pytest.raises(ValueError, match=r"ends neither in \.safetensors nor in \.ckpt"):
        export(str(written), str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []
