import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from sciformer.data.shards.dataset import ShardedDataset
from sciformer.data.shards.index import Recipe, read_index
from sciformer.data.shards.verify import damage
from sciformer.data.shards.writer import write_shards

RECIPE = Recipe("waves", "1", seed=3, count=10, shards=3, units={"height": "m"})


def wave(i):
    rng = np.random.default_rng([3, i])
    return {
        "height": rng.random((4, 2 + i % 2), np.float32),
        "step": np.int64(i),
        "note": {"name": f"wave {i}", "odd": bool(i % 2)},
    }


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_runs_write_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_shards(tmp_path / name, wave, RECIPE)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert sorted(contents(tmp_path / "a")) == [
        "index.json",
        *(f"shard-{n:05d}.tar" for n in range(3)),
    ]


def test_the_index_says_what_the_folder_holds(tmp_path):
    written = write_shards(tmp_path, wave, RECIPE)
    record = json.loads((tmp_path / "index.json").read_bytes())
    assert record["fields"]["height"] == {"dtype": "<f4", "shape": [4, None], "units": "m"}
    assert record["fields"]["step"] == {"dtype": "<i8", "shape": [], "units": ""}
    assert record["fields"]["note"]["dtype"] == "json"
    assert [shard["count"] for shard in record["files"]] == [3, 3, 4]
    read = read_index(tmp_path)
    assert (read.recipe, read.fields) == (written.recipe, written.fields)


def test_a_second_run_makes_only_what_is_missing(tmp_path):
    write_shards(tmp_path, wave, RECIPE)
    before = contents(tmp_path)
    (tmp_path / "shard-00001.tar").unlink()
    made, done = [], []
    write_shards(tmp_path, lambda i: made.append(i) or wave(i), RECIPE, done.append)
    assert made == [3, 4, 5]
    assert done == [7, 10]
    assert contents(tmp_path) == before


def test_a_run_that_fails_leaves_whole_shards_alone(tmp_path):
    def failing(i):
        if i == 5:
            raise OSError("disk full")
        return wave(i)

    with pytest.raises(OSError, match="disk full"):
        write_shards(tmp_path, failing, RECIPE)
    assert sorted(contents(tmp_path)) == ["shard-00000.json", "shard-00000.tar"]
    with pytest.raises(ValueError, match=r"index\.json: no such file"):
        ShardedDataset(tmp_path)


@pytest.mark.process
def test_a_killed_run_leaves_only_whole_shards_and_the_next_one_completes_them(tmp_path):
    script = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_writer import RECIPE, wave, write_shards\n"
        "def killed(i):\n"
        "    if i == 8: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return wave(i)\n"
        "write_shards(sys.argv[2], killed, RECIPE)\n"
    )
    folder, whole = tmp_path / "killed", tmp_path / "whole"
    here = __file__.rpartition("/")[0]
    ended = subprocess.run([sys.executable, "-c", script, here, str(folder)], check=False)
    assert ended.returncode == -signal.SIGKILL
    whole_shards = [f"shard-{n:05d}.{end}" for n in range(2) for end in ("json", "tar")]
    assert [name for name in sorted(contents(folder)) if name[0] != "."] == whole_shards
    made = []
    write_shards(folder, lambda i: made.append(i) or wave(i), RECIPE)
    write_shards(whole, wave, RECIPE)
    assert made == [6, 7, 8, 9]
    assert contents(folder) == contents(whole)
    assert list(damage(folder)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"seed": 4}, "seed: 4, but the shards there were written with 3"),
        ({"version": "2"}, "version: '2', but"),
        ({"options": {"depth": 9}}, r"options: \{'depth': 9\}, but"),
        ({"shards": 2}, "shards: 2, but"),
    ],
)
def test_shards_of_another_recipe_are_not_mixed_in(tmp_path, change, complaint):
    write_shards(tmp_path, wave, RECIPE)
    other = Recipe(**{**RECIPE.__dict__, **change})
    with pytest.raises(ValueError, match=f"^{tmp_path}: {complaint}"):
        write_shards(tmp_path, wave, other)


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        ({"x": np.zeros(3)}, "sample 00000001: x: .*<f8.* but the samples before"),
        ({"x": np.zeros((3, 1), np.float32)}, "sample 00000001: x"),
        ({"x": np.zeros(3, np.float32), "y": 1}, "sample 00000001: y"),
        ({"x": np.array([{}])}, "sample 00000001: x: dtype object"),
    ],
)
def test_samples_that_do_not_fit_together_are_named(tmp_path, second, complaint):
    samples = [{"x": np.zeros(3, np.float32)}, second]
    with pytest.raises(ValueError, match=complaint):
        write_shards(tmp_path, samples.__getitem__, Recipe("g", "1", 0, count=2, shards=1))
    assert contents(tmp_path) == {}


def test_more_shards_than_samples_or_an_unknown_unit_are_refused(tmp_path):
    with pytest.raises(ValueError, match="shards: 3 for 2 samples"):
        write_shards(tmp_path, wave, Recipe("g", "1", 0, count=2, shards=3))
    with pytest.raises(ValueError, match="units: mass: the samples have only height, step, note"):
        write_shards(tmp_path, wave, Recipe("g", "1", 0, 2, 1, units={"mass": "kg"}))
