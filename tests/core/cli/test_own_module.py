"""A module of a user's own in every verb, from the command line and from a configuration."""

import json
import sys
from pathlib import Path

import pytest
import yaml
from minimal import PROJECT, MinimalModule
from verbs import exit_code, refusal

from sciformer.training.checkpoints import checkpoint
from sciformer.training.checkpoints.export import export

QUIET = ["--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu", "--threads=1"]
NAME = "my_methods.Scaled"
CODE = """
from typing import Any

from minimal import MinimalModule


class Scaled(MinimalModule):
    '''A loss times a factor.

    Args:
        factor: The factor.
        **settings: Of the base.
    '''

    def __init__(self, factor: float = 2.0, **settings: Any) -> None:
        super().__init__(**settings)
        self.factor = factor

    def training_step(self, batch, batch_idx):
        return self.factor * super().training_step(batch, batch_idx)


class Stranger:
    pass
"""


@pytest.fixture(autouse=True)
def importable(here, monkeypatch):
    """Code beside the tests' data, imported anew by each test."""
    (here / "my_methods.py").write_text(CODE)
    monkeypatch.syspath_prepend(here)
    yield
    sys.modules.pop("my_methods", None)


def fit(*words):
    return exit_code(PROJECT, "fit", *QUIET, "--trainer.default_root_dir=own", *words)


def opened():
    return checkpoint.load("own", MinimalModule)


def test_every_verb_takes_a_module_of_one_s_own():
    named, factor = ["--model", NAME], "--model.factor=3"
    assert fit(*named, factor, "--trainer.max_steps=2") == 0
    assert type(opened()).__name__ == "Scaled"
    assert fit(*named, factor, "--ckpt_path=last", "--trainer.max_steps=3") == 0
    assert checkpoint.read("own/last.ckpt")["global_step"] == 3
    assert opened().factor == 3
    assert exit_code(PROJECT, "evaluate", "own", *named) == 0
    assert json.loads(Path("report/metrics.json").read_text())["noise/loss"] > 0
    of_run = ["--ckpt_path=own/last.ckpt", *named, "--trainer.accelerator=cpu"]
    assert exit_code(PROJECT, "predict", *of_run, "--out=p.npz") == 0
    assert exit_code(PROJECT, "test", *of_run) == 0
    export("own", "own.safetensors")
    assert type(checkpoint.load("own.safetensors", MinimalModule)).__name__ == "Scaled"


def test_a_configuration_names_it_where_it_is_trusted(capsys):
    Path("own.yaml").write_text(yaml.safe_dump({"model": {"class_path": NAME, "factor": 3.0}}))
    said = refusal(PROJECT, capsys, "fit", "--config=own.yaml")
    assert f"own.yaml: model.class_path: '{NAME}'" in said
    assert "--trust" in said
    assert "my_methods" not in sys.modules
    assert fit("--config=own.yaml", "--trust", "--trainer.max_steps=1") == 0
    assert opened().factor == 3
    written = yaml.safe_load(Path("own/config.yaml").read_text())["model"]
    assert (written["class_path"], written["factor"]) == (NAME, 3.0)
    again = ["--config=own/config.yaml", "--trust", "--ckpt_path=last"]
    assert exit_code(PROJECT, "fit", *again, "--trainer.max_steps=2") == 0
    assert checkpoint.read("own/last.ckpt")["global_step"] == 2


def test_a_checkpoint_of_a_subclass_that_is_not_imported_is_said(recwarn):
    assert fit("--model", NAME, "--trainer.max_steps=1") == 0
    sys.modules.pop("my_methods")
    saved = checkpoint.read("own/last.ckpt")
    saved[checkpoint.STAMP]["module"] = "elsewhere.Scaled"
    del saved["hyper_parameters"]["factor"]
    assert type(checkpoint.restored(Path("own"), saved, MinimalModule)) is MinimalModule
    assert any("(--model elsewhere.Scaled)" in str(one.message) for one in recwarn)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("my_methods.Stranger", "is no subclass of minimal.MinimalModule"),
        ("my_methods.Nothing", "is no subclass of"),
        ("nowhere.Scaled", "No module named 'nowhere'"),
    ],
)
def test_what_is_no_module_of_the_project_is_refused(path, said, capsys):
    line = refusal(PROJECT, capsys, "test", "--model", path)
    assert f"--model: '{path}'" in line
    assert said in line
