"""Progress bars."""

import io
import os

import pytest

from sciformer.progress import be_quiet, progress, quiet, track


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("forced", ["", "1"])  # a notebook asks for colors, and shows no bars
def test_items_pass_unchanged_and_nothing_is_written_where_stderr_is_no_terminal(
    forced, monkeypatch, capsys
):
    monkeypatch.setenv("FORCE_COLOR", forced)
    assert list(track(iter("abc"), "letters", 3)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("total", [None, 3])
def test_a_terminal_shows_the_text_as_it_is(monkeypatch, total):
    screen = Screen()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", screen)
    with progress("set [/b]", total) as show:
        show(2)
    assert "set [/b]" in screen.getvalue()
    assert ("2/3" in screen.getvalue()) == (total == 3)


def test_inside_of_a_bar_there_is_no_other(monkeypatch):
    screen = Screen()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", screen)
    for _ in range(2):  # the outer one ends
        assert [list(track("ab", "inner", 2)) for _ in track("cd", "outer", 2)] == [["a", "b"]] * 2
    assert "inner" not in screen.getvalue()
    assert list(track("ab", "alone", 2)) == ["a", "b"]
    assert "alone" in screen.getvalue()


def test_quiet_there_is_no_bar_here_and_in_processes_that_are_started(monkeypatch):
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(os, "environ", {"TERM": "xterm"})
    assert not quiet()
    be_quiet()
    assert list(track("ab", "letters", 2)) == ["a", "b"]
    assert screen.getvalue() == ""
    assert len(os.environ) == 2  # which they inherit
