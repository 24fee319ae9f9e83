from functools import partial
from importlib import import_module

import numpy as np
import pytest

from sciformer.data.shards.index import Recipe
from sciformer.data.shards.writer import write_shards
from sciformer.data.workers import spread

CALLS = """
import os, signal
import numpy as np
import torch

def square(number):
    if number == 7:
        raise ValueError("no sevens")
    if number == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number

def threads(number):
    return torch.get_num_threads()

def wave(number, scale):
    return {"x": np.random.default_rng(number).random(30 + number) * scale, "n": number}
"""

pytestmark = pytest.mark.process


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """A module that other processes can import as well."""
    (tmp_path / "calls_of_a_test.py").write_text(CALLS)
    monkeypatch.syspath_prepend(tmp_path)
    return import_module("calls_of_a_test")


def test_a_process_has_one_thread_beside_the_others(calls):
    assert set(spread(calls.threads, range(2), 2)) == {1}


@pytest.mark.parametrize("workers", [0, 1, 6])
def test_the_results_are_those_of_one_process(workers, calls):
    assert sorted(spread(calls.square, range(5), workers)) == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_call_raises_is_raised_here(workers, calls):
    with pytest.raises(ValueError, match="no sevens"):
        list(spread(calls.square, range(5, 8), workers))


def test_a_worker_that_is_killed_is_an_error_and_no_wait_without_end(calls):
    with pytest.raises(OSError, match="a worker ended with code -9"):
        list(spread(calls.square, [1, 8, 2], 2))


def test_shards_have_the_same_bytes_for_any_number_of_workers_also_when_resumed(calls, tmp_path):
    make, recipe = partial(calls.wave, scale=2.0), Recipe("waves", "1", 0, count=20, shards=5)
    whole = {}
    for workers in (0, 1, 3):
        folder, done = tmp_path / str(workers), []
        write_shards(folder, make, recipe, done.append, workers)
        whole[workers] = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert done == [0, 4, 8, 12, 16, 20]
    assert whole[0] == whole[1] == whole[3]

    folder = tmp_path / "3"
    for number in (1, 3):
        (folder / f"shard-{number:05d}.tar").unlink()
    (folder / ".shard-00001.tar.123").write_bytes(b"half")  # of a run that was killed
    write_shards(folder, make, recipe, workers=2)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole[0]


def test_what_goes_wrong_in_a_worker_leaves_whole_shards_alone(calls, tmp_path):
    folder, recipe = tmp_path / "out", Recipe("squares", "1", 0, count=20, shards=5)
    with pytest.raises(ValueError, match="no sevens"):
        write_shards(folder, partial(_field, calls.square), recipe, workers=0)
    with pytest.raises(AttributeError):  # a local function cannot be sent to another process
        write_shards(folder, lambda i: {"x": np.int64(i)}, recipe, workers=2)
    assert sorted(path.name for path in folder.iterdir()) == ["shard-00000.json", "shard-00000.tar"]


def _field(function, number):
    return {"x": np.int64(function(number))}
