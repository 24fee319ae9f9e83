"""The verb oracle."""

import json

import pytest
from verbs import exit_code

from contextual_counting import CountingData, CountingModule, Network
from contextual_counting.cli import PROJECT
from contextual_counting.evaluation.oracle import build, save
from sciformer.training.checkpoints import checkpoint


def test_the_checkpoint_it_writes_is_loaded_as_any_other(tmp_path, capsys):
    path = tmp_path / "oracle.ckpt"
    words = ("--bias", "close", "--samples", "20", "--sets", "[id, r3]", "--out", path)
    assert exit_code(PROJECT, "oracle", *words) == 0
    shown = capsys.readouterr().out
    assert "100.00 %" in shown
    assert "r3" in shown
    loaded, made = checkpoint.load(path, CountingModule), build("close")
    for name, tensor in made.state_dict().items():
        assert tensor.equal(loaded.state_dict()[name])


def test_evaluate_takes_it(tmp_path, capsys):
    path = tmp_path / "oracle.ckpt"
    assert exit_code(PROJECT, "oracle", "--samples", "2", "--sets", "[id]", "--out", path) == 0
    assert exit_code(PROJECT, "evaluate", path, "--samples", "4", "--sets", "[r12]") == 0
    assert (tmp_path / "report/index.html").is_file()
    assert "exact count, region 4" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "report/metrics.json").read_text())
    assert metrics["r12/top1/region11"] == metrics["id/top1/region3"] == 1
    assert "r3/top1/region0" not in metrics


def test_it_counts_own_sequences(tmp_path, capsys):
    path = tmp_path / "own.txt"
    path.write_text("[1 1][0][1 1 1] 1\n0 [ ]\n")
    assert exit_code(PROJECT, "oracle", "--data", path) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if "[" in line]
    assert [row.count("2, 0, 3") for row in rows] == [2, 0]  # true, and counted


@pytest.mark.parametrize(
    ("positions", "name", "said"),
    [
        ("none", "t17", "sets: 't17' is none of id, t300"),
        ("none", "r3", "sets: 'r3': the network has 2 prompts"),
        ("none", "r12", "r12.length: 16 is too short for regions 12"),
        ("learned", "t2048", "sets: 't2048': the network has positions for 16 tokens"),
    ],
)
def test_sets_without_an_answer_are_said_in_one_line(positions, name, said, tmp_path, capsys):
    path = str(tmp_path / "small.ckpt")
    module = CountingModule(Network(dim=8, positions=positions), regions=2, length=16)
    save(module, CountingData(length=16, regions=2), path, "a test")
    assert exit_code(PROJECT, "evaluate", path, "--sets", f"[{name}]") == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sets", "[t17]"], "sets: 't17' is none of"),
        (["--samples", "0"], "samples: 0"),
        (["--bias", "ones"], "ones"),
        (["--data", "[ 2 ]"], "data: [ 2 ]: neither a file nor a sequence"),
        (["--data", "[]" * 13], "data: the network has 12 prompts"),
        (["--data", "[]", "--sets", "[id]"], "sets: they are drawn"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(words, said, capsys):
    assert exit_code(PROJECT, "oracle", *words) == 2
    written = capsys.readouterr().err
    assert said in written
    assert len(written.splitlines()) == 1
