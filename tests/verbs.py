"""A project's command in this process, as a user types it, and what it refuses."""

import sys

import pytest

from sciformer.cli.main import run


def exit_code(project, *words):
    """Run a verb; what its process would end with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [project.command])
        try:
            run(project, [str(word) for word in words])
        except SystemExit as ended:
            return ended.code
    return 0


def refusal(project, capsys, *words):
    """The one line of a verb that refuses its input."""
    assert exit_code(project, *words) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line, line
    return line


def complaint(action):
    """The one line of the ValueError that a call raises."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the tests look at the text
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def one_error(capsys, *said):
    """See that the error is one line that holds some words."""
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 1
    for word in said:
        assert word in lines[0]
