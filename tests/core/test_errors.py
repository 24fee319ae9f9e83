import warnings

import pytest

from sciformer.errors import blame, check_configs, one_line, single_line, where


def leave(error, capsys, debug=False):
    """Exit code and stderr of a command that raises."""
    with pytest.raises(SystemExit) as exit_, one_line("xval fit", debug):
        raise error
    return exit_.value.code, capsys.readouterr().err


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("model:\n  dim: 5\n  rates: [1, 2]\ndata:\n  length: 7\nthreads: 5\n")
    return str(path)


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


def test_a_line_has_no_line_breaks():
    assert single_line(" a \n\t b\r\nc ") == "a b c"


def test_where_names_the_file_of_a_value(config):
    said = where('Parser key "model.dim": Expected a <str>. Got value: 5', [config])
    assert said.startswith(f"{config}: model.dim: 5: ")


def test_where_does_not_blame_a_file_for_a_value_of_the_command_line(config):
    message = 'Parser key "model.dim": Expected a <str>. Got value: 6'
    assert where(message, [config]) == message


def test_the_last_file_with_the_value_is_blamed(config, tmp_path):
    later = tmp_path / "later.yaml"
    later.write_text("model:\n  dim: 5\n")
    said = where('Parser key "model.dim": Expected a <str>. Got value: 5', [config, str(later)])
    assert said.startswith(f"{later}: ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: [1,", "not YAML: "),
        (b"\xff\xfe\x00\x01", "not a text file"),
        (b"a: \x01b", "not YAML: "),
        (b"!!python/object/apply:os.system ['touch hit']", "not YAML: "),
        (b"- 1", "not a table"),
        (b"a: &a [1, *a]", "unfold to more than"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named_with_the_reason(content, reason, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as raised:
        check_configs([str(path)])
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_configuration_that_unfolds_to_billions_of_values_is_refused(tmp_path):
    path = tmp_path / "x.yaml"
    levels = [f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]" for i in range(9)]
    path.write_text("\n".join(["a0: &a0 [x]", *levels]))
    with pytest.raises(ValueError, match="unfold to more than 100000 values"):
        check_configs([str(path)])


@pytest.mark.parametrize("content", ["", "# nothing\n", "a: &a [1, 2]\nb: *a\n"])
def test_a_configuration_may_be_empty_or_use_an_alias(content, tmp_path):
    (tmp_path / "x.yaml").write_text(content)
    check_configs([str(tmp_path / "x.yaml")])


def test_a_configuration_that_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"x\.yaml: No such file or directory$"):
        check_configs([str(tmp_path / "x.yaml")])


def test_where_finds_nothing_in_an_empty_file(tmp_path):
    (tmp_path / "x.yaml").touch()
    assert where('Parser key "model.dim": 5', [str(tmp_path / "x.yaml")]).startswith("Parser")


def test_blame_names_file_and_key_of_an_argument(config):
    assert blame("model", "dim 5 is odd", [config]) == f"{config}: model.dim: dim 5 is odd"


def test_blame_does_not_name_a_file_whose_value_is_another(config):
    assert blame("model", "dim 6 is odd", [config]) == "model: dim 6 is odd"


def test_blame_knows_a_whole_number_that_was_read_as_another(config):
    said = "dim: 5.0 is odd"
    assert blame("model", said, [config]) == f"{config}: model.dim: {said}"
    assert blame("model", "dim: 5.05 is odd", [config]) == "model: dim: 5.05 is odd"


def test_blame_does_not_take_a_longer_number_for_the_value(config):
    assert blame("model", "dim 15 is odd", [config]) == "model: dim 15 is odd"


def test_blame_names_an_argument_that_is_a_list(config):
    said = blame("model", "rates has 2 entries for 3 stages", [config])
    assert said.startswith(f"{config}: model.rates: ")


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
