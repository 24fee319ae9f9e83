"""The project through its own command: what a user types, and what comes back."""

from pathlib import Path

import pytest
import torch
from verbs import exit_code, one_error

from xval.cli import PROJECT

ROOT = Path(__file__).parents[2]
QUIET = ["--trainer.accelerator=cpu", "--trainer.devices=1", "--trainer.enable_progress_bar=false"]
QUIET += ["--threads=1"]
TINY = ["--model.dim=16", "--model.depth=1", "--model.heads=2", "--trainer.max_steps=2"]
TINY += ["--data.batch_size=4", *QUIET]

pytestmark = [
    pytest.mark.filterwarnings("ignore:.* left over are dropped"),
    pytest.mark.usefixtures("here"),
]


def xval(*words):
    """Run a verb in this process; its exit code."""
    return exit_code(PROJECT, *words)


ROWS = "speed,mass,name\n" + "".join(f"{n / 7:.3f},{n * n},t{n}\n" for n in range(1, 60))


def test_a_table_of_ones_own_is_trained_on_tested_and_asked(capsys):
    Path("my.csv").write_text(ROWS)
    assert xval("fit", *TINY, "--data.files=[my.csv]", "--data.answers=[mass]") == 0
    capsys.readouterr()
    assert xval("test", "--ckpt_path=runs/xval/last.ckpt", *QUIET) == 0
    assert "test/my/r2/mass" in capsys.readouterr().out
    assert xval("ask", "runs/xval", "{'speed':1.25,'mass':[MASK],'name':'t9'}") == 0
    text, table = capsys.readouterr().out.split("\n", 1)
    assert text.startswith("{'speed':1.25,'mass':")
    assert text.endswith(",'name':'t9'}")
    assert "mass" in table


@pytest.mark.parametrize("encoding", ["fp15", "p10"])
def test_rivals_train_by_one_word(encoding):
    words = ("--model.causal=true", "--data.sets=[{set: orbits, count: 40}]")
    assert xval("fit", *TINY, *words, f"--data.encoding={encoding}") == 0


def test_a_checkpoint_keeps_what_it_needs_and_goes_on_elsewhere():
    words = ("--data.sets=[{set: trees, count: 60}]", "--model.transform=asinh")
    assert xval("fit", *TINY, *words, "--trainer.default_root_dir=one") == 0
    saved = torch.load("one/last.ckpt", weights_only=True)["hyper_parameters"]
    assert {each["kind"] for each in saved["transforms"].values()} == {"asinh"}
    assert saved["encoding"]["words"]
    on = ("--ckpt_path=one/last.ckpt", "--trainer.max_steps=4", "--trainer.default_root_dir=two")
    assert xval("fit", *TINY, *on) == 0
    assert torch.load("two/last.ckpt", weights_only=True)["hyper_parameters"] == saved


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ROWS + "1,2,t,4\n", ["row 61", "column 4", "'4'"]),
        (ROWS + "1e39,2,t\n", ["row 61", "column 'speed'", "1e39"]),
        (ROWS + f"1,2,{'t' * 2000}\n", ["row 61", "tokens", "1024"]),
        ("", ["the file is empty"]),
        ("speed,mass\n", ["no rows"]),
    ],
    ids=["long", "overflow", "context", "empty", "header"],
)
def test_a_bad_file_is_one_line_and_leaves_nothing(content, said, here, capsys):
    Path("bad.csv").write_text(content)
    assert xval("fit", *TINY, "--data.files=[bad.csv]") == 2
    one_error(capsys, "bad.csv", *said)
    assert [one.name for one in here.iterdir()] == ["bad.csv"]


def test_a_word_in_a_column_of_numbers_is_named_with_its_row(here, capsys):
    Path("bad.csv").write_text(ROWS + "fast,3,t\n")
    entry = "{path: bad.csv, types: {speed: number}}"
    assert xval("fit", *TINY, f"--data.files=[{entry}]") == 2
    one_error(capsys, "bad.csv", "row 61", "column 'speed'", "'fast' is no number")
    assert [one.name for one in here.iterdir()] == ["bad.csv"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.ckpt", "[MASK]"], ["none.ckpt", "no such checkpoint"]),
        ([ROOT / "tests/golden/format1.ckpt", "[MASK]"], ["format1.ckpt"]),
    ],
)
def test_what_cannot_be_asked_is_one_line(words, said, capsys):
    assert xval("ask", *words) == 2
    one_error(capsys, *said)
