"""The project through its own command: what a user types, and what comes back."""

import subprocess
import sys

import pytest
from small_astroclip import astroclip, save

from astroclip.cli import PROJECT
from sciformer.cli.options import resolve

pytestmark = pytest.mark.usefixtures("here")


def test_every_verb_of_its_own_explains_its_options(capsys):
    for name, verb in PROJECT.verbs.items():
        assert astroclip(name, "--help") == 0
        shown = capsys.readouterr().out
        code = resolve(verb.call).__code__
        for option in code.co_varnames[: code.co_argcount]:
            assert option in shown, f"{name}: {option}"


def test_without_a_verb_all_of_them_are_listed(capsys):
    assert astroclip("--help") == 0
    shown = capsys.readouterr().out
    assert set(PROJECT.verbs) >= {"simulate", "embed", "search", "probe", "evaluate"}
    assert all(name in shown for name in PROJECT.verbs)


def test_shards_go_through_all_verbs(here, capsys):
    save(here)
    made = ["--samples", 60, "--shards", 2, "--size", 16]
    assert astroclip("simulate", "--out", "d", *made) == 0
    assert astroclip("embed", here, "--shards", "d", "--out", "e.npz") == 0
    assert astroclip("search", "e.npz", "17", "--k", 3) == 0
    assert "simulated-0-17" in capsys.readouterr().out
    assert astroclip("probe", "e.npz", "--out", "p") == 0
    assert astroclip("evaluate", here, "--shards", "d", "--out", "r") == 0
    assert (here / "p/metrics.json").is_file()
    assert (here / "r/index.html").is_file()


@pytest.mark.process
def test_a_wrong_input_ends_with_2_and_one_line(here):
    command = [sys.executable, "-m", "astroclip", "embed", "nothing.ckpt", "--files", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "astroclip embed: error: nothing.ckpt: no such checkpoint\n"
