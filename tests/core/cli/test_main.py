import os
import subprocess
import sys

import pytest
from minimal import PROJECT

from sciformer.cli import main as cli
from sciformer.cli.main import main, run
from sciformer.cli.project import Project


@pytest.fixture
def answer(tmp_path, monkeypatch, capsys):
    """Exit code, stdout and stderr of a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["minimal"])

    def answerer(*words, command=lambda words: run(PROJECT, words)):
        try:
            command(words)
        except SystemExit as exit_:
            code = exit_.code
        else:
            code = 0
        return code, *capsys.readouterr()

    return answerer


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["dance"], "no verb 'dance'; choose from fit, validate, test, predict, evaluate"),
        (["evaluat"], "no verb 'evaluat'; did you mean evaluate?"),
        (["evaluate"], "path"),
        (["evaluate", "x", "--outt", "y"], "--outt"),
        (["evaluate", "x", "y"], "unrecognized arguments: y"),
        (["evaluate", "missing.ckpt"], "missing.ckpt: no such checkpoint"),
        (["evaluate", "x", "--fault", "input"], "asked to fail"),
        (["evaluate", "--config", "missing.yaml"], "missing.yaml: No such file or directory"),
    ],
)
def test_bad_input_of_a_verb_is_one_line_and_writes_nothing(words, named, answer, tmp_path):
    code, out, err = answer(*words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("minimal")
    assert named in err
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback_of_bad_input(answer):
    code, _, err = answer("evaluate", "x", "--fault", "input", "--debug")
    assert code == 2
    assert err.startswith("Traceback (most recent call last)")
    assert err.endswith("\nminimal evaluate: error: asked to fail\n")


def test_a_bug_of_a_verb_keeps_its_traceback(answer):
    with pytest.raises(TypeError, match="asked to"):
        answer("evaluate", "x", "--fault", "bug")


def test_help_of_the_command_lists_every_verb(answer):
    code, out, err = answer("--help")
    assert (code, err) == (0, "")
    assert "Learn the mean of noise." in out
    for verb in ("fit", "validate", "test", "predict", "evaluate"):
        assert f"\n    {verb} " in out


def test_no_verb_shows_the_help_and_is_an_error(answer):
    code, out, _ = answer()
    assert code == 2
    assert "evaluate" in out


def test_help_of_a_verb_explains_its_options_and_defaults(answer):
    code, out, err = answer("evaluate", "--help")
    assert (code, err) == (0, "")
    assert "Folder of the report." in out
    assert "default: report" in out


def test_the_cores_own_command_knows_its_verbs(answer):
    code, out, _ = answer("--help", command=main)
    assert code == 0
    assert "demo" in out


def test_the_cores_own_command_names_a_wrong_verb(answer):
    code, _, err = answer("dance", command=main)
    assert code == 2
    assert err.startswith("sciformer: error: no verb 'dance'; choose from demo")


def test_a_command_is_the_import_name_with_dashes():
    project = Project("two_words", "", "a:B", "a:C")
    assert project.command == "two-words"


@pytest.mark.process
@pytest.mark.parametrize("words", [["--help"], ["evaluate", "--help"], ["dance"]])
def test_help_and_refusal_import_neither_torch_nor_lightning(words):
    """Issue 3 allows help 3 CPU-seconds; importing torch alone costs two of them."""
    script = (
        "import sys\n"
        "from sciformer.cli.main import run\n"
        "from sciformer.cli.project import Project, Verb\n"
        "verbs = {'evaluate': Verb('sciformer.cli.demo:demo', 'x')}\n"
        "try:\n"
        f"    run(Project('p', 's', 'a:B', 'a:C', verbs=verbs), {words!r})\n"
        "finally:\n"
        "    print('heavy', *{'torch', 'lightning'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == (0 if "--help" in words else cli.USAGE)
    assert done.stdout.splitlines()[-1] == "heavy"


def test_idle_threads_sleep_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    with pytest.raises(SystemExit):
        main(["--help"])
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    with pytest.raises(SystemExit):
        main(["--help"])
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_a_command_works_in_a_notebook_of_another_environment(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://not_here.backend_inline")
    with pytest.raises(SystemExit):
        main(["--help"])
    assert os.environ["MPLBACKEND"] == "agg"
