"""Completion of a shell."""

import subprocess

import pytest
from verbs import exit_code

from xval.cli import PROJECT


@pytest.mark.process
def test_bash_completes_verbs_options_and_their_values(capsys):
    assert exit_code(PROJECT, "completion", "bash") == 0
    script = capsys.readouterr().out
    for words, found in (
        ("eval", "evaluate"),
        ("fit --data.batch", "--data.batch_size"),
        ("tokens x --encoding fp", "fp15"),
    ):
        typed = ["xval", *words.split()]
        ask = f"COMP_WORDS=({' '.join(typed)}); COMP_CWORD={len(typed) - 1}; _shtab_xval; "
        done = subprocess.run(
            ["bash", "-c", f'{script}\n{ask}\necho "${{COMPREPLY[@]}}"'],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == [found]


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_get_a_script_too(shell, capsys):
    assert exit_code(PROJECT, "completion", shell) == 0
    assert "batch_size" in capsys.readouterr().out
