import os
import subprocess
import sys
from pathlib import Path

import pytest

from sciformer.cli.main import main

ROOT = Path(__file__).parents[3]
NAMES = ["deep_sky", "zebra"]  # sorted before and after sciformer, and with a dash in the command


def new(*words):
    try:
        main(["new", *words])
    except SystemExit as ended:
        return ended.code
    return 0


@pytest.mark.process
def test_a_new_project_passes_its_own_tests(here):
    assert new("deep_sky") == 0
    paths = [str(here / "deep_sky/src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-qs", "deep_sky/tests"],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert " by the mean)" in done.stdout  # the line that ends a fit


@pytest.mark.process
@pytest.mark.parametrize("name", NAMES)
def test_a_new_project_has_nothing_that_lint_would_change(name, here):
    """As one of the packages of this repository."""
    (here / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (here / "shared").symlink_to(ROOT / "shared")
    assert new(name, "--out", f"packages/{name}") == 0
    (here / f"packages/{name}/tests").rename(here / "tests")
    for words in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, "packages", "tests"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["my-sky"], "name: 'my-sky' is no name of a package"),
        (["Sky"], "name: 'Sky' is no name of a package"),
        (["class"], "name: 'class' is no name of a package"),
        (["torch"], "name: 'torch' is taken"),
        (["sky", "--out", "there"], "out: there is there already"),
    ],
)
def test_a_project_that_cannot_be_made_is_refused_in_one_line(words, named, capsys, here):
    Path("there").mkdir()
    assert new(*words) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"sciformer new: error: {named}")
    assert err.count("\n") == 1
    assert [path.name for path in here.iterdir()] == ["there"]
