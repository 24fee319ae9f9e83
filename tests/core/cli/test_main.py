import os
import subprocess
import sys

import pytest
from minimal import PROJECT

from sciformer.cli import main as cli
from sciformer.cli.main import main, run
from sciformer.cli.options import call, present, shipped, spelled
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
        (["evaluat"], "no verb 'evaluat'; choose from fit, validate, test, predict, evaluate"),
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


def test_call_gives_a_function_what_its_signature_asks_for():
    def add(a: int, b: float = 0.5, *, name: str | None = None) -> tuple[int, float, str | None]:
        """Add."""
        return a, b, name

    assert call(add, "x add", ["3", "--name", "n"]) == (3, 0.5, "n")


@pytest.mark.parametrize("value", ["three", "3.5"])
def test_call_names_an_option_whose_value_does_not_fit(value, monkeypatch):
    def add(a: int) -> None:
        """Add."""

    monkeypatch.setattr(sys, "argv", ["x"])
    with pytest.raises(ValueError, match=rf"\"?a\"?.*{value}"):
        call(add, "x add", [value])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with a shipped configuration, and an empty folder to stand in."""
    configs = tmp_path / "site" / "fake_project" / "configs"
    configs.mkdir(parents=True)
    (configs.parent / "__init__.py").touch()
    (configs / "quick.yaml").write_text("threads: 1\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield configs
    sys.modules.pop("fake_project", None)


@pytest.mark.parametrize("flag", ["", "--config="])
def test_a_configuration_comes_from_the_package_where_there_is_no_checkout(flag, package):
    word = shipped("fake_project", f"{flag}configs/fake_project/quick.yaml")
    assert word == f"{flag}{package / 'quick.yaml'}"


def test_the_checkouts_own_configuration_goes_first(package, tmp_path):
    path = tmp_path / "here" / "configs" / "fake_project" / "quick.yaml"
    path.parent.mkdir(parents=True)
    path.touch()
    word = "configs/fake_project/quick.yaml"
    assert shipped("fake_project", word) == word


@pytest.mark.parametrize(
    "word",
    [
        "configs/fake_project/missing.yaml",
        "configs/other/quick.yaml",
        "quick.yaml",
        "--model.dim=3",
        "configs/fake_project/../__init__.py/../x",
    ],
)
def test_other_words_stay_as_they_are(word, package):
    assert shipped("fake_project", word) == word


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("--on-error", "--on_error"),
        ("--on-error=skip-it", "--on_error=skip-it"),
        ("--on_error", "--on_error"),
        ("--data.stages+=[-1]", "--data.stages+=[-1]"),
        ("-c", "-c"),
        ("my-run", "my-run"),
        ("-1", "-1"),
    ],
)
def test_options_may_be_written_with_dashes(word, read):
    assert spelled(word) == read


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


@pytest.mark.parametrize(
    ("words", "on"),
    [
        (["a"], False),
        (["a", "--overwrite"], True),
        (["--overwrite", "a"], True),
        (["--overwrite", "false", "a"], False),
        (["--overwrite=true", "a"], True),
    ],
)
def test_an_option_that_is_off_by_default_needs_no_value(words, on):
    def function(path: str, overwrite: bool = False) -> tuple[str, bool]:
        return path, overwrite

    assert call(function, "x", words) == ("a", on)


def test_a_former_name_of_an_option_goes_on_working():
    renamed = {"windows": "samples", "files": "data"}
    words = ["windows", "--windows=7", "--files", "a", "--steps=1"]
    assert present(words, renamed) == ["windows", "--samples=7", "--data", "a", "--steps=1"]
    with pytest.raises(ValueError, match="--data: given twice; former names of it are --files"):
        present(["--files=a", "--data=b"], renamed)
