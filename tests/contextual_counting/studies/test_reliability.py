"""One configuration with many seeds: the list, the rate, and what may not be mixed."""

import json

import pytest
import yaml
from verbs import complaint, exit_code, refusal

from contextual_counting.cli import PROJECT
from contextual_counting.studies.reliability import interval, seeds_of


def configuration(path, steps=2):
    rates = {"matrices": 2e-2, "others": 2e-3, "head": 2e-2, "sigma": 1e-2, "warmup": 1, "power": 1}
    said = {
        "threads": 1,
        "trainer": {
            "accelerator": "cpu", "devices": 1, "max_epochs": 1, "val_check_interval": 1.0,
        },
        "model": {"network": {"dim": 8, "classes": 40}, "rates": [rates]},
        "data": {
            "length": 32, "regions": 2, "density": 0.5, "samples": 20,
            "stages": [{"steps": steps, "batch_size": 8}],
        },
    }  # fmt: skip
    path.write_text(yaml.safe_dump(said))
    return str(path)


@pytest.mark.process
@pytest.mark.usefixtures("quick_children")
def test_every_seed_is_listed_and_none_is_trained_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["reliability", configuration(tmp_path / "tiny.yaml"), "--samples", "50"]
    assert exit_code(PROJECT, *words, "--seeds", "7,3", "--optimizer", "muon_bf16") == 0
    out = tmp_path / "runs/contextual_counting/reliability/tiny-muon_bf16"
    found = json.loads((out / "metrics.json").read_text())
    assert found["study/runs"] == 2
    assert found["id/success"] == 0
    keys = {f"id/top1/seed{seed}.region{region}" for seed in (3, 7) for region in (0, 1)}
    assert keys <= found.keys()
    listed = capsys.readouterr().out
    assert "seeds with every region at 99.5 %" in listed
    assert "0 of 2 (0 % to 66 %)" in listed
    began = (out / "seed3/config.yaml").stat().st_mtime_ns
    assert exit_code(PROJECT, *words, "--seeds", "3,", "--optimizer", "muon_bf16") == 0
    assert (out / "seed3/config.yaml").stat().st_mtime_ns == began
    configuration(tmp_path / "tiny.yaml", steps=3)
    line = refusal(PROJECT, capsys, *words, "--seeds", "3,", "--optimizer", "muon_bf16")
    assert "holds runs of other settings" in line


def test_seeds_are_a_number_or_a_list():
    assert seeds_of("4") == [0, 1, 2, 3]
    assert seeds_of("3,5,8") == seeds_of("[3, 5, 8]") == [3, 5, 8]
    assert seeds_of("577,") == [577]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("0", "0 is less than 1"),
        ("-1", "'-1' is no whole number from 0"),
        ("3,x", "'x' is no whole number from 0"),
        ("", "'' is no whole number from 0"),
        ("3,3", "3 is in the list twice"),
        ("4294967296,", "is not below 2\\^32"),
    ],
)
def test_what_is_no_list_of_seeds_is_named(said, words):
    with pytest.raises(ValueError, match=words):
        seeds_of(said)


def test_the_interval_of_a_rate_is_wilsons():
    low, high = interval(50, 50)
    assert (round(low, 3), high) == (0.929, 1.0)
    low, high = interval(5, 10)
    assert (round(low, 4), round(high, 4)) == (0.2366, 0.7634)
    assert interval(0, 2)[0] == 0


def test_an_unknown_set_is_named_before_anything_is_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    config = configuration(tmp_path / "tiny.yaml")
    line = refusal(PROJECT, capsys, "reliability", config, "--sets", "[t7]")
    assert "t7" in line
    assert not (tmp_path / "runs").exists()
    assert "nowhere.yaml" in refusal(PROJECT, capsys, "reliability", "nowhere.yaml")


def test_a_complaint_is_one_line():
    assert complaint(lambda: seeds_of("a")).startswith("seeds: ")
