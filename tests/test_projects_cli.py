"""What the command of every project does, in one table."""

import ast
import csv
import json
import re
import shlex
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
from lightning.pytorch import Trainer
from verbs import exit_code, refusal

import astroclip.cli
import contextual_counting.cli
import mpp.cli
import xval.cli
from sciformer.cli import fit_options
from sciformer.cli.options import named, parser_of, resolve
from sciformer.cli.signatures import parameters

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
        if own.fits:  # whose options are those of fit
            continue
        for option in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
            assert option in shown, f"{verb}: {option}"


VERBS = [(name, verb) for name, project in PROJECTS.items() for verb in project.verbs]
HELP = """
import sys, time
from contextlib import redirect_stdout, suppress
from importlib import import_module
from io import StringIO
from sciformer.cli.main import SHARED, SUMMARIES, VERBS, main, run

for name in sys.argv[1:]:
    project = import_module(f"{name}.cli").PROJECT
    for verb in (*SUMMARIES, *project.verbs, *SHARED):
        before = time.process_time()
        with redirect_stdout(StringIO()) as out:
            run(project, [verb, "--help"])
        assert "example:" in out.getvalue(), verb
        print(name, verb, time.process_time() - before, file=sys.stderr)
for verb in VERBS:
    main([verb, "--help"])
print("heavy", *{"torch", "lightning", "matplotlib", "scipy"} & {*sys.modules})
"""


@pytest.mark.process
def test_no_help_imports_torch_or_takes_long():
    command = [sys.executable, "-c", HELP, *PROJECTS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy"
    took = {line.rpartition(" ")[0]: line.split()[-1] for line in done.stderr.splitlines()}
    assert {key: float(value) for key, value in took.items() if float(value) > 1} == {}


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", PROJECTS)
def test_the_help_of_fit_is_short_and_begins_with_the_projects_options(
    name, columns, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert exit_code(PROJECTS[name], "fit", "--help") == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) <= 120
    places = [shown.index(f"\n{group}:") for group in ("data", "model", "trainer", "the run")]
    assert places == sorted(places)


def test_the_trainers_options_that_the_help_of_fit_shows_exist():
    shown = fit_options.RUNNING | fit_options.TRAINING
    assert shown.keys() <= signature(Trainer).parameters.keys()


@pytest.mark.parametrize("name", PROJECTS)
def test_the_help_of_fit_shows_all_options_of_data_and_model(name, capsys):
    project = PROJECTS[name]
    hidden = {*project.links.values(), *fit_options.LINKS.values()}
    assert exit_code(project, "fit", "--help") == 0
    shown = re.findall(r"^  --((?:data|model)\.[\w.]+)", capsys.readouterr().out, re.MULTILINE)
    assert exit_code(project, "fit", "--help-all") == 0
    known = re.findall(r"^  --((?:data|model)\.[\w.]+)", capsys.readouterr().out, re.MULTILINE)
    known = {key for key in known if not key.endswith(".help")}
    tables = {key.rpartition(".")[0] for key in known}  # are no options of their own
    assert {*shown} == known - tables - hidden


@pytest.mark.parametrize(("name", "verb"), VERBS)
def test_the_defaults_in_the_help_of_a_verb_are_those_of_its_function(name, verb):
    found = parameters(PROJECTS[name].verbs[verb].call)
    real = signature(resolve(PROJECTS[name].verbs[verb].call)).parameters
    assert [one.name for one in found] == [*real]
    for one in found:
        if one.default is not None:
            assert ast.literal_eval(one.default) == real[one.name].default


@pytest.mark.parametrize(("name", "verb"), VERBS)
def test_the_example_in_the_help_of_a_verb_parses(name, verb, monkeypatch, capsys):
    own = PROJECTS[name].verbs[verb]
    words = named(shlex.split(own.example), own.bare)
    if own.fits:  # its first word is a checkpoint, from which it takes further options
        assert exit_code(PROJECTS[name], "fit", *words[1:], "--print_config") == 0
        return
    monkeypatch.setattr(sys, "argv", [name, verb, *words])
    assert parser_of(resolve(own.call), verb, ()).parse_args(words)


def test_the_version_is_that_of_project_core_torch_and_lightning(capsys):
    assert exit_code(PROJECTS["mpp"], "--version") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "sciformer-mpp",
        "sciformer",
        "torch",
        "lightning",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evalute", "x"], "no verb 'evalute'; did you mean evaluate?"),
        (["evaluate", "x", "--sample", "3"], "--sample 3; did you mean --samples?"),
        (["fit", "--data.batch", "3"], "--data.batch 3; did you mean --data.batch_size?"),
        (["fit", "--trainer.max_epoch=3"], "did you mean --trainer.max_epochs?"),
        (["fit", "--data.ask=0.5", "--batch_size=3"], "did you mean --data.batch_size?"),
        (
            ["fit", "--config", "quik"],
            "quik: No such file or directory; did you mean configs/xval/",
        ),
        (["fit", "--config", "wrong.yaml"], "wrong.yaml: data.contxt: 3: no such option; did you"),
    ],
)
def test_what_is_misspelled_or_abbreviated_is_asked_about(words, said, here, capsys):
    (here / "wrong.yaml").write_text("data: {contxt: 3}")
    assert said in refusal(PROJECTS["xval"], capsys, *words)


@pytest.mark.process
def test_a_wrong_input_ends_a_process_with_2_and_one_line(quick_python):
    command = [quick_python, "-m", "astroclip", "embed", "nothing.ckpt", "--files", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "astroclip embed: error: nothing.ckpt: no such checkpoint\n"
