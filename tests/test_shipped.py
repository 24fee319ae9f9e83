"""Trained networks that the packages ship: found by name, and as good as their cards say."""

import json
import re
import shlex
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from verbs import exit_code

from sciformer.cli.main import main
from sciformer.cli.options import resolve
from sciformer.evaluation.run import open_run
from sciformer.training.checkpoints import checkpoint, shipped

LARGEST = 10e6  # bytes of one network
ALL = 12e6  # and of all
CHECK = re.compile(r"## Check\n\n`\S+ (.*)` gives")
ROW = re.compile(r"^\| (\S+) \| (\S+) \| ([\d.e-]+) \|$", re.MULTILINE)
NETWORKS = shipped.networks()
PROJECTS = {entry.name: entry for entry in entry_points(group="sciformer.projects")}

each = pytest.mark.parametrize("name", NETWORKS)
pytestmark = pytest.mark.usefixtures("here")


def project_of(name):
    return PROJECTS[name.partition("/")[0]].load()


def test_networks_are_small():
    assert {"contextual_counting/beyond", "mpp/quick", "xval/quick"} <= {*NETWORKS}
    sizes = [path.stat().st_size for path in NETWORKS.values()]
    assert max(sizes) <= LARGEST
    assert sum(sizes) <= ALL


@pytest.mark.process  # some seconds each: once is enough
@each
def test_the_numbers_of_a_network_are_those_of_its_card(name):
    card = (NETWORKS[name].parent / "README.md").read_text()
    (said,) = CHECK.findall(card)
    rows = ROW.findall(card)
    assert rows
    assert exit_code(project_of(name), *shlex.split(said), "--out", "found") == 0
    found = json.loads(Path("found/metrics.json").read_text())
    for metric, value, tolerance in rows:
        assert found[metric] == pytest.approx(float(value), rel=0, abs=float(tolerance)), metric


@each
def test_a_network_opens_by_name_and_reports_beside_the_user_s_runs(name):
    kind = resolve(project_of(name).module)
    module = kind.from_pretrained(name)
    assert module.path == NETWORKS[name]
    assert "host" not in checkpoint.run_record(module.stored)
    assert open_run(name, kind).folder == Path("runs/pretrained") / name


def test_a_file_of_the_user_s_has_precedence_and_a_slip_is_asked_about(tmp_path):
    name = next(iter(NETWORKS))
    with pytest.raises(ValueError, match=f"no such checkpoint; did you mean {name}"):
        checkpoint.find(f"{name}s")
    Path(name).mkdir(parents=True)
    with pytest.raises(ValueError, match="no such checkpoint"):
        checkpoint.find(name)


def test_networks_are_listed_with_address_and_checksum(capsys):
    main(["models"])
    said = capsys.readouterr().out
    for name in NETWORKS:
        assert name in said
