"""What the command of every project does, in one table."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from verbs import exit_code

import astroclip.cli
import contextual_counting.cli
import mpp.cli
import xval.cli
from sciformer.cli.options import resolve

PROJECTS = {
    each.cli.PROJECT.name: each.cli.PROJECT for each in (astroclip, contextual_counting, mpp, xval)
}
GOLDEN = json.loads((Path(__file__).parent / "golden/smoke_losses.json").read_text())
QUIET = ("--trainer.accelerator=cpu", "--trainer.devices=1", "--trainer.enable_progress_bar=false")
WRONG = [  # project, words of a fit, what the error says
    ("contextual_counting", ["--model.heads=5"], ["heads", "5", "64"]),
    ("contextual_counting", ["--data.length=3"], ["data.length: 3", "regions 2"]),
    ("contextual_counting", ["--data.batch_size=-4"], ["batch_size", "-4"]),
    ("contextual_counting", ["--data.workers=-1"], ["data.workers: -1 is less than 0"]),
    ("mpp", ["--model.size=[30,2,2]"], ["model.network.size: a width of 30"]),
    ("mpp", ["--model.bias=far"], ["model.network.bias", "far"]),
    ("mpp", ["--data.simulate=[tides]"], ["tides", "shallow_water"]),
    ("mpp", ["--data.simulate=[{system: burgers, cuont: 3}]"], ["cuont"]),
    ("mpp", ["--data.mixture={shallow_water: 1}"], ["mixture", "diffusion_reaction"]),
    ("mpp", ["--data.history=9"], ["frames: 8 are too few"]),
    ("xval", ["--data.encoding=p3"], ["data", "encoding", "p3", "fp15"]),
    (
        *("xval", ["--data.encoding=fp15", "--data.sets=[products]"]),
        ["products: sample", "out of range"],
    ),
    ("xval", ["--model.transform=cube"], ["model", "cube", "asinh"]),
    ("xval", ["--model.transform={mass: log}"], ["transform: no field 'mass'", "stepsize"]),
    ("xval", ["--model.heads=3"], ["model.network.heads: 3 does not divide dim=32"]),
    ("xval", ["--data.sets=[tides]"], ["tides", "orbits"]),
    ("xval", ["--data.context=8"], ["orbits: sample 0", "tokens", "1 to 8"]),
    ("xval", ["--data.files=[none.csv]"], ["none.csv", "no such file"]),
    ("xval", ["--model.lr=-1"], ["lr: -1"]),
]
pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.process
@pytest.mark.parametrize("name", GOLDEN)
def test_the_first_losses_of_smoke_are_the_golden_ones(name, quick_python):
    """In an empty folder: the YAML comes from the package."""
    command = [quick_python, "-m", name, "fit", "--config", f"configs/{name}/smoke.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with Path(f"runs/{name}/smoke/metrics.csv").open() as file:
        losses = [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]
    # Sums run in another order on other processors; a change of the method moves far more.
    assert losses == pytest.approx(GOLDEN[name], rel=1e-4 if name.startswith("c") else 1e-3)


@pytest.mark.parametrize(("name", "words", "said"), WRONG)
def test_what_cannot_work_is_said_in_one_line_and_leaves_nothing(name, words, said, here, capsys):
    smoke = f"--config=configs/{name}/smoke.yaml"
    assert exit_code(PROJECTS[name], "fit", smoke, *words, *QUIET, "--threads=1") == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert all(word in line for word in said)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("name", PROJECTS)
def test_the_help_explains_every_verb_and_its_options(name, capsys):
    assert exit_code(PROJECTS[name], "--help") == 0
    listed = capsys.readouterr().out
    for verb, own in PROJECTS[name].verbs.items():
        assert verb in listed
        assert exit_code(PROJECTS[name], verb, "--help") == 0
        shown = capsys.readouterr().out
        code = resolve(own.call).__code__
        for option in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
            assert option in shown, f"{verb}: {option}"


@pytest.mark.process
def test_importing_a_project_does_not_import_torch():
    code = f"import sys, {', '.join(f'{name}.cli' for name in PROJECTS)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "lightning"} & set(done.stdout.split())


@pytest.mark.process
def test_a_wrong_input_ends_a_process_with_2_and_one_line(quick_python):
    command = [quick_python, "-m", "astroclip", "embed", "nothing.ckpt", "--files", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "astroclip embed: error: nothing.ckpt: no such checkpoint\n"
