"""Checkpoints of trainers that the command line did not start."""

import json
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from minimal import PROJECT, MinimalData, MinimalModule
from torch import nn

from sciformer.cli.main import run
from sciformer.training.checkpoints import checkpoint
from sciformer.training.checkpoints.export import export

QUIET = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
SPAWNED = """
from lightning.pytorch import Trainer
from minimal import MinimalData, MinimalModule

if __name__ == "__main__":
    trainer = Trainer(
        strategy="ddp_spawn", devices=2, max_steps=2, accelerator="cpu", logger=False,
        enable_progress_bar=False, use_distributed_sampler=False,
    )
    trainer.fit(MinimalModule(), MinimalData())
    trainer.save_checkpoint("own.ckpt")
"""

pytestmark = pytest.mark.usefixtures("here")


class Deeper(MinimalModule):
    """A module of a user's own, with a part more and a setting of its own."""

    def __init__(self, own: int = 3, **settings: float) -> None:
        super().__init__(**settings)
        self.save_hyperparameters(logger=False)
        self.more = nn.Linear(own, own)


def trained(module, weights_only=False):
    """A checkpoint that a trainer of one's own wrote."""
    trainer = Trainer(max_steps=2, logger=False, use_distributed_sampler=False, **QUIET)
    trainer.fit(module, MinimalData(dim=module.hparams["dim"]))
    trainer.save_checkpoint("own.ckpt", weights_only=weights_only)
    return "own.ckpt"


def command(*words):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["minimal"])
        run(PROJECT, words)


@pytest.mark.parametrize("weights_only", [False, True])
def test_a_checkpoint_of_ones_own_trainer_opens_in_every_verb(weights_only, capsys):
    path = trained(MinimalModule(dim=16), weights_only)
    command("evaluate", path, "--out", "report")
    metrics = json.loads(Path("report/metrics.json").read_text())
    assert metrics["run"]["cpu_s"] > 0
    command("test", "--ckpt_path", path, "--trainer.accelerator=cpu")
    assert "test/loss" in capsys.readouterr().out
    command("predict", "--ckpt_path", path, "--trainer.accelerator=cpu", "--out=p.npz")
    assert Path("p.npz").is_file()
    export(path, "own.safetensors")
    assert isinstance(checkpoint.load("own.safetensors", MinimalModule), MinimalModule)


def test_a_checkpoint_of_ones_own_trainer_goes_on():
    path = trained(MinimalModule())
    command("fit", "--ckpt_path", path, "--trainer.max_steps=4", "--trainer.accelerator=cpu")
    assert checkpoint.read("runs/minimal/last.ckpt")["global_step"] == 4


def test_a_checkpoint_of_a_subclass_is_one_of_its_base():
    path = trained(Deeper(own=2, dim=16))
    module = checkpoint.load(path, MinimalModule)
    assert isinstance(module, Deeper)
    assert module.hparams["own"] == 2
    export(path, "own.safetensors")
    assert isinstance(checkpoint.load("own.safetensors", MinimalModule), Deeper)


def test_a_class_that_has_not_been_imported_is_not_imported(tmp_path):
    path = trained(MinimalModule())
    saved = torch.load(path, weights_only=True)
    saved["sciformer"] |= {"module": "antigravity.Mine", "bases": ["minimal.MinimalModule"]}
    torch.save(saved, path)
    assert type(checkpoint.load(path, MinimalModule)) is MinimalModule
    assert "antigravity" not in sys.modules


def test_a_checkpoint_of_another_class_is_refused():
    path = trained(MinimalModule())
    with pytest.raises(
        ValueError, match=r"own.ckpt: holds a minimal.MinimalModule, not a .*Deeper"
    ):
        checkpoint.load(path, Deeper)


@pytest.mark.process
def test_a_checkpoint_of_spawned_processes_opens(start, here):
    (here / "spawned.py").write_text(SPAWNED)
    process = start(here / "spawned.py")
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err + out
    command("evaluate", "own.ckpt", "--out", "report")
