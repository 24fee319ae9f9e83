import json
import math
import os
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest

from sciformer import files
from sciformer.files import (
    STALE,
    check_writable,
    local,
    new_file,
    new_folder,
    remove_leftovers,
    up_to_date,
    write_atomically,
)
from sciformer.strict_json import to_json


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


@pytest.fixture(scope="module")
def ended():
    """The id of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


@pytest.mark.parametrize("form", ["{pid}", "{pid}@{host}"])  # without the host: of older versions
def test_what_a_dead_process_was_writing_is_removed(form, ended, tmp_path):
    beside = tmp_path / f".x.ckpt.{form.format(pid=ended, host=socket.gethostname())}"
    beside.write_text("half")
    remove_leftovers(tmp_path, "*.ckpt")
    assert list(tmp_path.iterdir()) == []


def test_what_may_be_another_ones_is_not_removed(ended, tmp_path):
    names = [
        f".x.ckpt.{os.getpid()}",  # of a process that lives
        ".x.ckpt.1",  # of one that is somebody else's
        f".x.ckpt.{ended}@elsewhere",  # of another machine, lately
        f".y.txt.{ended}",  # no file that we shall write
        ".x.ckpt.swp",
        ".x.ckpt",
        "x.ckpt",
    ]
    for name in names:
        (tmp_path / name).write_text("kept")
    remove_leftovers(tmp_path, "*.ckpt")
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_windows_where_a_signal_would_be_ctrl_c_goes_by_the_age_alone(ended, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "WINDOWS", True)
    monkeypatch.delattr(os, "kill")
    (tmp_path / f".x.ckpt.{ended}").write_text("half")
    remove_leftovers(tmp_path, "x.ckpt")
    assert len(list(tmp_path.iterdir())) == 1


def test_what_another_host_was_writing_yesterday_is_removed(ended, tmp_path):
    beside = tmp_path / f".x.ckpt.{ended}@elsewhere"
    beside.write_text("half")
    then = beside.stat().st_mtime - 2 * STALE
    os.utime(beside, (then, then))
    remove_leftovers(tmp_path, "x.ckpt")
    assert list(tmp_path.iterdir()) == []


def test_results_go_to_a_home_and_to_no_address(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local("~/run") == tmp_path / "run"
    assert local("runs/a~b") == Path("runs/a~b")
    for address in ("s3://bucket/run", "gs://x", Path("s3://bucket/run"), "file:///tmp/x"):
        with pytest.raises(ValueError, match=r"^out: .* is an address; results go to a folder"):
            local(address)
    with pytest.raises(ValueError, match=r"^root: ~nobody.here/x: there is no such home$"):
        local("~nobody.here/x", "root")
    write_atomically("~/a.txt", lambda path: path.write_text("new"))
    assert (tmp_path / "a.txt").read_text() == "new"


def test_nothing_that_is_there_is_replaced_unasked(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    assert new_folder(tmp_path, ("b.csv",)) == tmp_path
    assert new_folder(tmp_path, ("a.csv", "b.csv"), overwrite=True) == tmp_path
    refusal = r"^out: .*/a\.csv is there already; --overwrite replaces it$"
    with pytest.raises(ValueError, match=refusal):
        new_folder(tmp_path, ("b.csv", "a.csv"))
    with pytest.raises(ValueError, match=refusal):
        new_file(tmp_path / "a.csv")
    assert new_file(tmp_path / "a.csv", overwrite=True) == tmp_path / "a.csv"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ValueError, match=r"^out: .*/a\.csv is a folder$"):
        new_file(tmp_path / "a.csv", overwrite=True)


def test_half_of_a_file_with_brackets_in_its_name_is_found(ended, tmp_path):
    (tmp_path / f".x[1].csv.{ended}").write_text("half")
    new_file(tmp_path / "x[1].csv")
    assert list(tmp_path.iterdir()) == []


def test_what_was_made_of_an_older_file_is_not_up_to_date(tmp_path):
    source, made = tmp_path / "last.ckpt", tmp_path / "test.json"
    source.touch()
    assert not up_to_date(made, source)
    made.touch()
    assert up_to_date(made, source)
    os.utime(source, ns=(0, made.stat().st_mtime_ns + 1))
    assert not up_to_date(made, source)


def test_json_has_null_for_what_is_not_finite():
    text = to_json({"a": math.nan, "b": [math.inf, 1.5], "c": {"d": -math.inf}})
    assert json.loads(text) == {"a": None, "b": [None, 1.5], "c": {"d": None}}


def test_json_takes_numpys_numbers_and_keeps_booleans():
    text = to_json({"i": np.int64(3), "f": np.float32(0.5), "t": (np.nan, True)})
    assert json.loads(text) == {"i": 3, "f": 0.5, "t": [None, True]}
    assert "true" in text
