import json
import math

import numpy as np
import pytest

from sciformer.files import check_writable, to_json, write_atomically


def test_a_file_is_written_with_the_folders_above_it(tmp_path):
    write_atomically(tmp_path / "a" / "b" / "c.txt", lambda path: path.write_text("new"))
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "new"


def test_a_writer_that_raises_leaves_the_old_file_and_nothing_else(tmp_path):
    place = tmp_path / "kept.txt"
    place.write_text("old")

    def fail_half_way(path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_atomically(place, fail_half_way)
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_the_place_holds_the_old_file_while_the_new_one_is_written(tmp_path):
    place = tmp_path / "x.txt"
    place.write_text("old")
    seen = []
    write_atomically(place, lambda path: (path.write_text("new"), seen.append(place.read_text())))
    assert seen == ["old"]
    assert place.read_text() == "new"


def test_a_writer_that_writes_nothing_is_not_taken_for_success(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "x.txt", lambda path: None)


def test_a_writable_folder_is_made_and_left_empty(tmp_path):
    check_writable(tmp_path / "a" / "b", "out")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_named_with_its_option(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"^out: cannot write to .*/file/deeper: Not a directory$"):
        check_writable(tmp_path / "file" / "deeper", "out")


def test_a_folder_that_takes_no_files_is_named_with_its_option():
    with pytest.raises(ValueError, match=r"^out: cannot write to /proc: "):
        check_writable("/proc", "out")


def test_json_has_null_for_what_is_not_finite():
    text = to_json({"a": math.nan, "b": [math.inf, 1.5], "c": {"d": -math.inf}})
    assert json.loads(text) == {"a": None, "b": [None, 1.5], "c": {"d": None}}


def test_json_takes_numpys_numbers_and_keeps_booleans():
    text = to_json({"i": np.int64(3), "f": np.float32(0.5), "t": (np.nan, True)})
    assert json.loads(text) == {"i": 3, "f": 0.5, "t": [None, True]}
    assert "true" in text
