"""Configurations that a package ships: listed, shown, copied."""

import pytest
from verbs import exit_code, refusal

from xval.cli import PROJECT

pytestmark = pytest.mark.usefixtures("here")


def test_the_list_says_what_each_is_for(capsys):
    assert exit_code(PROJECT, "configs") == exit_code(PROJECT, "configs", "list") == 0
    lines = capsys.readouterr().out.splitlines()
    listed = dict(line.split(maxsplit=1) for line in lines)
    assert listed["smoke"] == "Two steps of everything that quick.yaml does"
    assert listed.keys() >= {"quick", "planets", "stations"}


@pytest.mark.parametrize("name", ["quick", "quick.yaml", "configs/xval/quick.yaml"])
def test_a_configuration_is_shown_whole(name, capsys):
    assert exit_code(PROJECT, "configs", "show", name) == 0
    assert "# xval fit --config configs/xval/quick.yaml" in capsys.readouterr().out


def test_a_copy_lies_where_it_is_wanted_and_replaces_nothing(here, capsys):
    assert exit_code(PROJECT, "configs", "copy", "smoke") == 0
    assert exit_code(PROJECT, "configs", "copy", "quick", "--out", "mine/first.yaml") == 0
    assert "mine/first.yaml: xval fit --config mine/first.yaml" in capsys.readouterr().out
    assert (here / "smoke.yaml").read_text() != (here / "mine/first.yaml").read_text()
    assert "smoke.yaml is there already" in refusal(PROJECT, capsys, "configs", "copy", "smoke")
    assert exit_code(PROJECT, "configs", "copy", "smoke", "--overwrite") == 0


def test_a_wrong_name_is_answered_with_the_nearest(capsys):
    line = refusal(PROJECT, capsys, "configs", "show", "quik")
    assert line == "xval configs: error: name: no configuration 'quik'; did you mean quick?"
    assert "; choose from digits, " in refusal(PROJECT, capsys, "configs", "copy")
