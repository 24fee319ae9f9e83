import warnings

import pytest

from sciformer.errors import one_line


def leave(error, capsys, debug=False):
    """Exit code and stderr of a command that raises."""
    with pytest.raises(SystemExit) as exit_, one_line("xval fit", debug):
        raise error
    return exit_.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [(ValueError("bad"), 2), (FileNotFoundError("bad"), 2), (FloatingPointError("bad"), 1)],
)
def test_what_is_no_bug_ends_in_one_line_and_its_own_code(error, code, capsys):
    assert leave(error, capsys) == (code, "xval fit: error: bad\n")


def test_a_message_of_many_lines_becomes_one(capsys):
    assert leave(ValueError("a\n  b\n\nc\n"), capsys)[1] == "xval fit: error: a b c\n"


def test_an_os_error_names_its_file(capsys):
    error = PermissionError(13, "Permission denied", "/there/x.ckpt")
    assert "/there/x.ckpt" in leave(error, capsys)[1]


def test_a_message_that_is_empty_still_says_what_happened(capsys):
    assert leave(ValueError(), capsys)[1] == "xval fit: error: ValueError\n"


def test_a_line_that_is_too_long_keeps_its_beginning_and_its_end(capsys):
    said = leave(ValueError("begin" + 5000 * "x" + "end"), capsys)[1]
    assert said.startswith("xval fit: error: begin")
    assert said.endswith("end\n")
    assert len(said) < 1000


def test_ctrl_c_ends_with_the_code_of_shells(capsys):
    assert leave(KeyboardInterrupt(), capsys) == (130, "\nxval fit: interrupted\n")


def test_debug_shows_the_traceback_before_the_line(capsys):
    code, said = leave(ValueError("bad"), capsys, debug=True)
    assert code == 2
    assert said.startswith("Traceback (most recent call last)")
    assert said.endswith("\nxval fit: error: bad\n")


@pytest.mark.parametrize("bug", [TypeError, KeyError, AssertionError, RuntimeError])
def test_a_bug_keeps_its_traceback(bug):
    with pytest.raises(bug), one_line("xval fit"):
        raise bug


def test_a_warning_is_one_line_and_those_for_developers_are_none(capsys):
    with one_line("x fit"):
        warnings.warn("two\nlines", UserWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert capsys.readouterr().err == "x fit: warning: two lines\n"


def test_what_a_loaders_worker_says_is_told_without_its_traceback(capsys):
    text = (
        "Caught ValueError in DataLoader worker process 0.\n"
        "Original Traceback (most recent call last):\n"
        '  File "x.py", line 1, in f\n'
        "some.where.DamagedError: a.tar: sample 3: damaged\n"
    )
    with pytest.raises(SystemExit), one_line("x fit"):
        raise ValueError(text)
    assert capsys.readouterr().err == "x fit: error: a.tar: sample 3: damaged\n"
