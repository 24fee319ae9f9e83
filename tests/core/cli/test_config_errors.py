import os

import pytest

from sciformer.cli.config_errors import (
    check_configs,
    complaint,
    config_paths,
    placed,
    read_config,
)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "model:\n  dim: 5\n  rates: [1, 2]\n"
        "data:\n  length: 7\n  files: [a.h5, {path: b.h5}]\n  sets+: [x]\n"
        "threads: 5\n"
    )
    return str(path)


@pytest.fixture
def words(config):
    """A command line with the configuration."""
    return ["x", "fit", "--config", config]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: [1,", "not YAML: "),
        (b"\xff\xfe\x00\x01", "not a text file"),
        (b"a: \x01b", "not YAML: "),
        (b"!!python/object/apply:os.system ['touch hit']", "not YAML: "),
        (b"- 1", "not a table"),
        (b"", "empty"),
        (b"# nothing\n", "empty"),
        (b"3: 4", "3: a key is a text"),
        (b"model: 3", "model: 3 is no table of options"),
        (b"data: [1]", r"data: \[1\] is no table of options"),
        (b'a: "\\ud800"', "not YAML: "),
        (b"a: " + b"[" * 10**6, "nested more than 100 times"),  # of no end in a Python parser
        (b"a: " + b"- " * 5000, "nested more than 100 times|not YAML: "),
        (b"a: 1" + b"0" * 5000, "not YAML: "),
        (b"a: &a [1, *a]", "unfold to more than"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named_with_the_reason(content, reason, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as raised:
        read_config(str(path))
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_configuration_that_unfolds_to_billions_of_values_is_refused(tmp_path):
    path = tmp_path / "x.yaml"
    levels = [f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]" for i in range(9)]
    path.write_text("\n".join(["a0: &a0 [x]", *levels]))
    with pytest.raises(ValueError, match="unfold to more than 100000 values"):
        read_config(str(path))


def test_a_configuration_may_use_an_alias(tmp_path):
    (tmp_path / "x.yaml").write_text("a: &a [1, 2]\nb: *a\n")
    assert read_config(str(tmp_path / "x.yaml")) == {"a": [1, 2], "b": [1, 2]}


def test_a_configuration_that_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"x\.yaml: No such file or directory$"):
        read_config(str(tmp_path / "x.yaml"))


BOMB = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9 if i else 'x')}]" for i in range(9))


@pytest.mark.parametrize(
    ("named", "word"),
    [
        ("model: inner.yaml", "--config=run.yaml"),
        ("trainer: {callbacks: [inner.yaml]}", "--config=run.yaml"),
        ("model: middle.yaml", "--config=run.yaml"),
        ("a: 1", "--model=inner.yaml"),
    ],
)
def test_a_configuration_inside_of_another_is_looked_at_as_well(named, word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").write_text(named)
    (tmp_path / "middle.yaml").write_text("a: inner.yaml\nb: middle.yaml\nc: run.yaml")
    (tmp_path / "inner.yaml").write_text(BOMB)
    with pytest.raises(ValueError, match=r"inner\.yaml: its aliases unfold"):
        check_configs(["fit", word])


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.yaml")
    with pytest.raises(ValueError, match=r"x\.yaml: not a regular file"):
        check_configs(["--config", str(tmp_path / "x.yaml")])


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        (["fit", "--config", "a.yaml", "-c", "b.yaml", "--config=c.yaml"], ["a", "b", "c"]),
        (["fit", "--model.dim", "3"], []),
        (["fit", "--config"], []),
    ],
)
def test_configuration_files_are_found_in_their_order(words, paths):
    assert config_paths(words) == [f"{path}.yaml" for path in paths]


@pytest.mark.parametrize(
    "key",
    ["model.dim", "threads", "data.files", "data.files[1].path", "data.files[0]", "data.sets[0]"],
)
def test_a_value_of_a_file_is_placed_there(key, words, config):
    assert placed(key, "no", words) == f"{config}: {key}: no"


@pytest.mark.parametrize("key", ["model.depth", "date.length", "trainer.max_epochs"])
def test_no_file_is_blamed_for_what_it_does_not_say(key, words):
    assert placed(key, "no", words) == f"{key}: no"


@pytest.mark.parametrize(
    "word", ["--model.dim=6", "--model", "--data.files+=c.h5", "--data.files.path", "--data"]
)
def test_a_word_behind_a_file_is_blamed_in_its_place(word, words):
    key = "data.files" if "data" in word else "model.dim"
    assert placed(key, "no", [*words, word, "6"]) == f"{key}: no"


def test_a_file_behind_a_word_is_blamed_in_its_place(words, config):
    assert placed("model.dim", "no", ["--model.dim", "6", *words]) == f"{config}: model.dim: no"


def test_the_last_file_that_says_a_value_is_blamed(words, config, tmp_path):
    later = tmp_path / "later.yaml"
    later.write_text("model:\n  dim: 5\n")
    both = [*words, "-c", str(later)]
    assert placed("model.dim", "no", both) == f"{later}: model.dim: no"
    assert placed("data.length", "no", both) == f"{config}: data.length: no"


def test_what_neither_a_word_nor_a_file_says_is_the_checkpoints(words, config, tmp_path):
    saved = tmp_path / "last.ckpt"
    saved.touch()
    given = [*words, "--ckpt_path", str(saved)]
    assert placed("model.heads", "no", given) == f"{saved}: model.heads: no"
    assert placed("model.dim", "no", given) == f"{config}: model.dim: no"
    assert placed("trainer.devices", "no", given) == "trainer.devices: no"
    assert placed("model.heads", "no", ["--ckpt_path=auto"]) == "model.heads: no"


@pytest.mark.parametrize("content", ["model.dim: 3", "model: {dim+: 3}"])
def test_a_value_is_found_however_its_key_is_written(content, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(content)
    assert placed("model.dim", "no", ["-c", str(path)]) == f"{path}: model.dim: no"


def test_a_parsers_complaint_begins_with_file_key_and_value(words, config):
    said = complaint("Parser key \"model.dim\":\n  Expected a <class 'str'>. Got value: 5", words)
    assert said == f"{config}: model.dim: 5: Expected a str. Got value: 5"


def test_a_parsers_complaint_of_a_word_begins_with_key_and_value():
    said = complaint('Parser key "model.dim":\n  no', ["--model.dim", "x"])
    assert said == "model.dim: 'x': no"


UNION = """Parser key "model.files":
  Does not validate against any of the Union subtypes
  Subtypes: [list[str], <class 'NoneType'>]
  Errors:
    - {}
    - Expected a <class 'NoneType'>
  Given value type: <class 'list'>
  Given value: [3]"""


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("Expected a <class 'list'>", "none of list[str], None"),
        ("Expected a <class 'str'>. Got value: 3", "Expected a str. Got value: 3"),
        (
            "Problem with given class_path 'a.B':\n        no B",
            "Problem with given class_path 'a.B': no B",
        ),
    ],
)
def test_of_a_type_with_alternatives_only_what_tells_is_said(why, said):
    assert complaint(UNION.format(why), []) == f"model.files: {said}"


@pytest.mark.parametrize(
    ("message", "key"),
    [
        ("Group 'model' does not accept option 'dmi'", "model.dmi"),
        ("Subcommand 'fit' does not accept option 'model.dmi'", "model.dmi"),
        ("Option 'modle.dim' is not accepted", "modle.dim"),
    ],
)
def test_an_option_that_does_not_exist_is_named(message, key):
    assert complaint(message, []) == f"{key}: no such option"


def test_what_is_no_option_is_said_as_it_is():
    assert complaint("unrecognized\n  arguments: x", []) == "unrecognized arguments: x"


def test_a_class_that_may_not_be_named_is_said_with_the_way_out():
    message = (
        "Parser key \"trainer.callbacks\": Problem: Importing 'my.Own' is not allowed, denied by "
        "the '*' entry of the import path denylist. Add the import path to ..."
    )
    said = complaint(message, [])
    assert said.startswith("trainer.callbacks: 'my.Own' is of none of lightning, torch, ")
    assert said.endswith("(--trust allows it in files of your own)")
    assert "--trust" not in complaint(message, ["--trust"])
