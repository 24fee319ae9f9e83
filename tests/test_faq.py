"""The errors that the FAQ quotes are those that the program prints."""

import re
import shlex
from importlib.metadata import entry_points
from pathlib import Path

import h5py
import numpy as np
import pytest
from verbs import exit_code

FAQ = Path(__file__).parents[1] / "docs/howto/faq.md"
QUOTED = re.findall(r"^\$ (.*)\n([^$`].*)", FAQ.read_text(), re.MULTILINE)
PROJECTS = {entry.load().command: entry for entry in entry_points(group="sciformer.projects")}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The folder of somebody who meets all of them."""
    monkeypatch.chdir(tmp_path)
    with h5py.File("my_runs.h5", "w") as file:
        file["height"] = np.random.default_rng(0).random((2, 5, 8, 8), np.float32)
    for name, text in {
        "prices.csv": "item;price\nbread;1.250\nmilk;2.500\n",
        "rows.csv": "a,b\n1,2\n3\n4,5,6\n",
        "flats.csv": "rooms,price\n" + "".join(f"{n % 5},{100 * n}\n" for n in range(40)),
        "galaxy.png": "",
        "runs/contextual_counting/smoke/metrics.json": "{}",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


@pytest.mark.parametrize(("command", "error"), QUOTED)
def test_a_quoted_error_is_what_the_program_says(command, error, files, capsys):
    name, *words = shlex.split(command)
    assert exit_code(PROJECTS[name].load(), *words) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == error


def test_the_faq_quotes_errors_of_every_project():
    assert {command.split()[0] for command, _ in QUOTED} == set(PROJECTS)
