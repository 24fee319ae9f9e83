"""The names of callbacks and strategies in command lines and YAMLs, wherever their files are."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from minimal import PROJECT
from verbs import exit_code

from sciformer import training
from sciformer.training.callbacks.recompute import Recompute

NAMED = [
    ("strategy", "strategies.DDP"),
    ("strategy", "strategies.FSDP"),
    ("callbacks", "budget.CpuBudget"),
    ("callbacks", "cost.Cost"),
    ("callbacks", "recompute.Recompute"),
]


@pytest.mark.parametrize(("key", "name"), NAMED)
@pytest.mark.parametrize("short", [True, False])
def test_the_command_line_knows_a_class_by_its_short_name_and_by_its_file(
    key, name, short, capsys, here
):
    module, kind = name.split(".")
    path = f"sciformer.training.{module if short else training.NAMES[module]}.{kind}"
    value = {"class_path": path} if key == "strategy" else [{"class_path": path}]
    if short:
        Path("run.yaml").write_text(yaml.safe_dump({"trainer": {key: value}}))
        words = ["--config=run.yaml"]
    else:
        words = [f"--trainer.{key}={json.dumps(value)}"]
    assert exit_code(PROJECT, "fit", *words, "--print_config") == 0
    found = yaml.safe_load(capsys.readouterr().out)["trainer"][key]
    (read,) = [found] if key == "strategy" else found
    assert read["class_path"].endswith(name)


def test_a_fit_builds_a_class_by_its_short_name(monkeypatch, here):
    asked = []
    monkeypatch.setattr(Recompute, "setup", lambda *args, **kwargs: asked.append(args))
    words = ("--trainer.accelerator=cpu", "--trainer.fast_dev_run=true")
    recompute = "--trainer.callbacks+=sciformer.training.recompute.Recompute"
    assert exit_code(PROJECT, "fit", *words, recompute) == 0
    assert asked


@pytest.mark.parametrize("name", training.NAMES)
def test_a_script_imports_a_module_by_its_short_name(name):
    short, long = (
        import_module(f"sciformer.training.{place}") for place in (name, training.NAMES[name])
    )
    public = [each for each in vars(long) if not each.startswith("_")]
    assert all(getattr(short, each) is getattr(long, each) for each in public)


@pytest.mark.process
def test_short_names_import_nothing_until_they_are_used():
    script = "import sciformer.training, sys; assert not {'torch', 'lightning'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
