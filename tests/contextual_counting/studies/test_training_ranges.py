"""What varies in a training, and what counts are compared with: the study at its smallest."""

import json

import pytest
import yaml
from verbs import exit_code

from contextual_counting import CountingData
from contextual_counting.cli import PROJECT
from contextual_counting.evaluation.oracle import build
from contextual_counting.nn.constructed_weights import LENGTH, USED
from contextual_counting.studies.training_ranges import ARMS, GROUPS, SETS, look

RATES = {"matrices": 2e-2, "others": 2e-3, "head": 2e-2, "sigma": 1e-2, "warmup": 1, "power": 1}


def configuration(path, **data):
    said = {
        "threads": 1,
        "trainer": {
            "accelerator": "cpu", "devices": 1, "max_epochs": 1, "val_check_interval": 1.0,
        },
        "model": {"dim": 8, "classes": 40, "rates": [RATES]},
        "data": {
            "length": 32, "regions": 2, "density": 0.5, "samples": 20,
            "stages": [{"steps": 2, "batch_size": 8}], **data,
        },
    }  # fmt: skip
    path.write_text(yaml.safe_dump(said))
    return str(path)


@pytest.mark.process
@pytest.mark.usefixtures("quick_children")
def test_every_arm_is_trained_on_its_own_range_and_measured_on_all_sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["vary", "--config", configuration(tmp_path / "tiny.yaml"), "--out", "out"]
    assert exit_code(PROJECT, *words, "--seeds", "1", "--samples", "50") == 0
    found = json.loads((tmp_path / "out/metrics.json").read_text())
    assert found["study/runs"] == len(ARMS)
    for name in SETS:
        regions = 1 if name == "fewer" else 2
        keys = [f"{name}/top1/{arm}/seed0.region{r}" for arm in ARMS for r in range(regions)]
        assert all(0 <= found[key] <= 1 for key in keys)
    ranges = {}
    for arm in ARMS:
        said = yaml.safe_load((tmp_path / f"out/{arm}/seed0/config.yaml").read_text())
        (ranges[arm],) = said["data"]["stages"]
    assert ranges["nothing"] == {
        "steps": 2, "batch_size": 8, "lengths": [32, 32], "regions": [2, 2], "density": [0.5, 0.5],
    }  # fmt: skip
    assert ranges["length"] == ranges["nothing"] | {"lengths": [16, 32]}
    assert ranges["regions"] == ranges["nothing"] | {"regions": [2, 3]}
    assert ranges["density"] == ranges["nothing"] | {"density": [0.1, 0.9]}
    assert ranges["all"] == ranges["length"] | ranges["regions"] | {
        "lengths": [16, 32], "density": [0.1, 0.9],
    }  # fmt: skip
    page = (tmp_path / "out/index.html").read_text()
    assert page.count("<figure>") == 1
    assert all(group in page for group in GROUPS)


@pytest.mark.parametrize(
    ("bias", "failing"), [("begin", set()), ("close", {"fewer"}), ("zeros", {*SETS} - {"own"})]
)
def test_what_the_oracle_fails_at_is_predicted_from_its_bias(bias, failing):
    seen = look(build(bias), CountingData(LENGTH, USED), "nothing", 0, samples=100)
    for found in (seen.exact, seen.predicted):
        assert {name for name in SETS if name != "own" and min(found[name]) < 0.95} == failing


def test_a_configuration_without_a_stage_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = configuration(tmp_path / "tiny.yaml", stages=[{"steps": 2}])
    assert exit_code(PROJECT, "vary", "--config", config) == 2
    assert "stages of steps and batch_size: no 'batch_size'" in capsys.readouterr().err
