"""Every YAML that we ship is a run that can start: it parses, and its numbers fit together."""

import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from sciformer.arguments import with_tables
from sciformer.cli.main import run
from sciformer.cli.options import resolve
from sciformer.cli.schema import config_schema

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))
from stand_ins import STAND_INS  # noqa: E402  # pytest's importlib mode finds nothing beside a test

PROJECTS = {entry.name: entry for entry in entry_points(group="sciformer.projects")}
CONFIGS = [
    (path.parent.name, path)
    for path in sorted(ROOT.glob("configs/*/*.yaml"))
    if path.parent.name in PROJECTS
]


@pytest.mark.parametrize(("name", "path"), CONFIGS, ids=lambda value: getattr(value, "stem", value))
def test_every_configuration_parses(name, path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [name])
    with pytest.raises(SystemExit) as ended:
        run(PROJECTS[name].load(), ["fit", "--config", str(path), "--print_config"])
    assert ended.value.code in (0, None)
    assert yaml.safe_load(capsys.readouterr().out)["trainer"]["default_root_dir"]


@pytest.mark.parametrize(("name", "path"), CONFIGS, ids=lambda value: getattr(value, "stem", value))
def test_every_configuration_builds_its_data_and_network(name, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if (name, path.stem) in STAND_INS:
        STAND_INS[name, path.stem](tmp_path)
    project, config = PROJECTS[name].load(), yaml.safe_load(path.read_text())
    data = resolve(project.data)(**config["data"])
    linked = {
        target.removeprefix("model."): getattr(data, source.removeprefix("data."))
        for source, target in project.links.items()
    }
    module = resolve(project.module)
    module(**with_tables(module, config["model"] | linked))


@pytest.mark.parametrize(("name", "path"), CONFIGS, ids=lambda value: getattr(value, "stem", value))
def test_every_configuration_says_in_its_header_what_it_is_and_how_to_run_it(name, path):
    header = "\n".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    command = PROJECTS[name].load().command
    assert f"{command} fit --config configs/{name}/{path.name}" in header


@pytest.mark.parametrize("name", PROJECTS)
def test_an_editors_schema_takes_every_configuration_and_no_wrong_key(name, monkeypatch):
    monkeypatch.setattr(sys, "argv", [name, "schema"])
    schema = Draft202012Validator(config_schema(PROJECTS[name].load()))
    shipped = [path for project, path in CONFIGS if project == name]
    for path in shipped:
        schema.validate(yaml.safe_load(path.read_text()))
    config = yaml.safe_load(shipped[0].read_text())
    for group in ("trainer", "model", "data"):
        wrong = {**config, group: {**config[group], "wrong": 1}}
        assert "wrong" in next(schema.iter_errors(wrong)).message
    assert not schema.is_valid({**config, "threads": "many"})


def test_every_installed_project_ships_a_quick_and_a_smoke_run():
    for name in PROJECTS:
        assert (ROOT / f"configs/{name}/quick.yaml").is_file()
        assert (ROOT / f"configs/{name}/smoke.yaml").is_file()
