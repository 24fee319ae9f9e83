"""The verb oracle."""

import pytest
from verbs import exit_code

from contextual_counting import CountingModule
from contextual_counting.cli import PROJECT
from contextual_counting.oracle import build
from sciformer.training import checkpoint


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
    assert exit_code(PROJECT, "evaluate", path, "--samples", "4") == 0
    assert (tmp_path / "report/index.html").is_file()
    assert "exact count, region 4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sets", "[t17]"], "sets: 't17' is none of"),
        (["--samples", "0"], "samples 0"),
        (["--bias", "ones"], "ones"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(words, said, capsys):
    assert exit_code(PROJECT, "oracle", *words) == 2
    written = capsys.readouterr().err
    assert said in written
    assert len(written.splitlines()) == 1
