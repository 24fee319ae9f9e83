"""YAMLs, words and checkpoints of before there were tables of settings."""

import json
import sys
from contextlib import redirect_stdout
from importlib.metadata import entry_points
from io import StringIO
from pathlib import Path

import pytest
import torch
import yaml
from verbs import exit_code

from sciformer.arguments import flat_names, with_tables
from sciformer.cli.options import resolve
from sciformer.training.checkpoints import checkpoint

ROOT = Path(__file__).parents[3]
STORED = json.loads((ROOT / "tests/golden/flat_settings.json").read_text())  # each smoke.yaml's
PROJECTS = {entry.name: entry.load() for entry in entry_points(group="sciformer.projects")}

everywhere = pytest.mark.parametrize("name", STORED)


def parsed(name, *words):
    """What a fit is given as its model, by ``--print_config``."""
    with redirect_stdout(StringIO()) as out:
        assert exit_code(PROJECTS[name], "fit", "--print_config", *words) == 0
    return yaml.safe_load(out.getvalue())["model"]


@everywhere
def test_a_yaml_without_tables_says_the_same(name, tmp_path):
    config = ROOT / f"configs/{name}/smoke.yaml"
    flat = yaml.safe_load(config.read_text()) | {"model": STORED[name]["yaml"]}
    (tmp_path / "flat.yaml").write_text(yaml.safe_dump(flat))
    found = parsed(name, "--config", str(tmp_path / "flat.yaml"))
    assert found == parsed(name, "--config", str(config))


def test_what_is_wrong_in_a_yaml_without_tables_is_placed(tmp_path, capsys):
    (tmp_path / "flat.yaml").write_text("model: {heads: x}")
    assert exit_code(PROJECTS["xval"], "fit", "--config", str(tmp_path / "flat.yaml")) == 2
    assert "flat.yaml: model.network.heads: 'x': " in capsys.readouterr().err


@everywhere
def test_words_without_tables_say_the_same(name):
    entry, place = next(iter(flat_names(resolve(PROJECTS[name].module)).items()))
    value = json.dumps(STORED[name]["checkpoint"][entry])
    assert parsed(name, f"--model.{entry}", value) == parsed(name, f"--model.{place}={value}")


@pytest.mark.signature
@everywhere
def test_a_checkpoint_without_tables_opens(name, tmp_path, monkeypatch):
    kind, settings = resolve(PROJECTS[name].module), STORED[name]["checkpoint"]
    module = kind(**with_tables(kind, settings))
    flat = {"state_dict": module.state_dict(), "hyper_parameters": settings}
    flat["pytorch-lightning_version"] = "2.6.0"
    checkpoint.stamp(flat, module, {})
    torch.save(flat, tmp_path / "flat.ckpt")
    for again in (
        checkpoint.load(tmp_path / "flat.ckpt", kind),
        kind.load_from_checkpoint(tmp_path / "flat.ckpt", weights_only=True),
    ):
        assert again.hparams == module.hparams
        for key, tensor in module.state_dict().items():
            assert torch.equal(tensor, again.state_dict()[key])
    monkeypatch.setattr(sys, "argv", [name])
    words = ("--ckpt_path", str(tmp_path / "flat.ckpt"))
    linked = {target.removeprefix("model.") for target in PROJECTS[name].links.values()}
    stored = {k: v for k, v in module.hparams.items() if k not in linked and v is not None}
    assert {k: v for k, v in parsed(name, *words).items() if v is not None} == stored
