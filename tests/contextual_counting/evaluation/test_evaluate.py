"""``evaluate`` on weights set by hand, whose counts are exact."""

import json
import re

import pytest
from verbs import exit_code

from contextual_counting.cli import PROJECT
from contextual_counting.data.datamodule import CountingData
from contextual_counting.data.shards import simulate
from contextual_counting.evaluation.oracle import build, save


@pytest.fixture
def run(tmp_path):
    save(build("begin"), CountingData(length=40, regions=3), str(tmp_path / "last.ckpt"), "none")
    return tmp_path


def test_stored_sequences_are_evaluated_in_place_of_the_sets(run):
    simulate(str(run / "data"), shards=1, samples=12, length=64, regions=2)
    assert exit_code(PROJECT, "evaluate", str(run), "--data", str(run / "data")) == 0
    found = json.loads((run / "report/metrics.json").read_text())
    assert [found[f"data/top1/region{region}"] for region in range(2)] == [1, 1]
    assert found["data/in_range"] == 0  # other lengths and regions than those of the training
    assert "id/top1/region0" not in found
    assert found["run"]["results"][0]["value"] == "100.00 %"


def test_own_sequences_of_any_length_and_number_of_regions_are_evaluated(run, capsys):
    path = run / "own.txt"
    path.write_text("0 1 [ 1 0 ] 1\n[11][0][1]\n" + "0" * 90 + "[1]\n")
    assert exit_code(PROJECT, "evaluate", str(run), "--data", str(path)) == 0
    found = json.loads((run / "report/metrics.json").read_text())
    assert [found[f"data/top1/region{region}"] for region in range(3)] == [1, 1, 1]
    assert "2, 0, 1" in capsys.readouterr().out
    words = ("--data", "1 [ 1 0 1 ]", "--overwrite")
    assert exit_code(PROJECT, "evaluate", str(run), *words) == 0
    assert "1 [ 1 0 1 ]" in (run / "report/index.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "0 [ 1"], "data: the sequence: a \\[ is not closed"),
        (["--data", "[]" * 13], "data: the network has 12 prompts"),
        (["--data", "data"], "data: .* 1 to 3 regions; all sequences must have as many"),
        (["--data", "nowhere"], "data: nowhere"),
        (["--data", "data", "--sets", "[r3]"], "sets: they are drawn; leave them out with --data"),
        (["--sets", "[r4]"], "sets: 'r4' is none of id"),
        (["--device", "abacus"], "device: 'abacus' cannot be used"),
    ],
)
def test_a_wrong_option_is_named_in_one_line_and_nothing_is_written(
    run, words, said, capsys, monkeypatch
):
    monkeypatch.chdir(run)
    simulate(str(run / "data"), shards=1, samples=4, length=64, regions=[1, 3])
    capsys.readouterr()
    assert exit_code(PROJECT, "evaluate", str(run), *words) == 2
    assert re.fullmatch(f".*{said}.*\n", capsys.readouterr().err)
    assert not (run / "report").exists()
