"""The two studies, at the smallest size at which all of it happens."""

import json

import pytest
import yaml
from mpp_small import NETWORK

from mpp.studies.joint import joint, read
from mpp.studies.transfer import RATES, transfer

SMALL = {"count": 40, "frames": 8, "shape": [8, 8]}


def configuration(path, systems, steps):
    said = {
        "trainer": {
            "accelerator": "cpu",
            "devices": 1,
            "max_epochs": 1,
            "val_check_interval": steps,
            "log_every_n_steps": 1,
        },
        "model": {**NETWORK, "warmup": 2},
        "data": {
            "simulate": [{"system": name, **SMALL} for name in systems],
            "history": 2,
            "test_horizon": 5,
            "steps": steps,
        },
    }
    path.write_text(yaml.safe_dump(said))
    return str(path)


@pytest.mark.process
@pytest.mark.usefixtures("quick_children", "here")
def test_the_studies_train_compare_and_report(tmp_path, monkeypatch, capsys):
    two = configuration(tmp_path / "joint.yaml", ["shallow_water", "diffusion_reaction"], 4)
    joint(two, "joint", seeds=1, jobs=2)
    found = json.loads((tmp_path / "joint/metrics.json").read_text())
    for system in ("shallow_water", "diffusion_reaction"):
        for arm in ("joint", "alone", "alone-whole", "baseline_persistence"):
            assert found[f"{system}/nrmse/step1/{arm}"] > 0
    assert found["study/runs"] == 5
    assert "CPU time" in capsys.readouterr().out
    monkeypatch.setattr("mpp.studies.transfer.RATES", RATES[1:3])
    new = configuration(tmp_path / "transfer.yaml", ["compressible"], 5)
    transfer(new, "joint", "transfer", {"density": "height"}, few=4, seeds=1, jobs=2)
    found = json.loads((tmp_path / "transfer/metrics.json").read_text())
    assert found["study/runs"] == 2 * 2 + 3
    ratio = found["compressible/nrmse/step1/scratch"] / found["compressible/nrmse/step1/finetuned"]
    assert found["compressible/gain_equal/step1"] == pytest.approx(ratio)
    page = (tmp_path / "transfer/index.html").read_text()
    assert "from scratch, 4 times the updates" in page


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"data": {"steps": 3}, "model": {"warmup": 1}}, "needs data.simulate"),
        ({"data": {"simulate": ["a"], "steps": 3}, "model": {"warmup": 1}}, "needs data.simulate"),
    ],
)
def test_a_study_needs_simulated_systems(tmp_path, said, message):
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(said))
    with pytest.raises(ValueError, match=message):
        read(str(tmp_path / "x.yaml"))


def test_a_study_of_one_system_is_none(tmp_path):
    one = configuration(tmp_path / "one.yaml", ["shallow_water"], 4)
    with pytest.raises(ValueError, match="are less than two systems"):
        joint(one, str(tmp_path / "out"))
