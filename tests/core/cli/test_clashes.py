import sys

import pytest
from installed import install

from sciformer.cli.clashes import check_clashes
from sciformer.cli.main import main

OURS = "[sciformer.projects]\ntoy_model = toy_model.cli:PROJECT\n"
SCRIPT = "[console_scripts]\ntoy-model = {}:main\n"
SAID = "stranger 9 is not ours, and writes over the package or command toy-model of sciformer_toy: "


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "sciformer_toy", OURS + SCRIPT.format("toy_model.cli"), "toy_model/cli.py,,")
    return tmp_path


def test_a_project_that_has_its_package_and_command_alone_passes(site):
    install(site, "harmless", SCRIPT.format("x").replace("toy-model", "toy"), "toy/__init__.py,,")
    check_clashes()
    check_clashes("toy_model")


@pytest.mark.parametrize(
    ("scripts", "record"),
    [(SCRIPT.format("stranger"), ""), ("", "stranger.py,,\ntoy_model/__init__.py,,\n")],
)
def test_a_stranger_with_its_package_or_command_is_named(site, scripts, record):
    install(site, "stranger", scripts, record)
    for package in (None, "toy_model"):
        with pytest.raises(ValueError, match=f"^{SAID}pip uninstall stranger, then install"):
            check_clashes(package)
    check_clashes("another")


def test_the_command_line_says_it_in_one_line_before_it_starts(site, monkeypatch, capsys):
    install(site, "stranger", "", "toy_model/__init__.py,,\n")
    monkeypatch.setattr(sys, "argv", ["sciformer"])
    with pytest.raises(SystemExit, match="2"):
        main(["demo"])
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"sciformer demo: error: {SAID}")
