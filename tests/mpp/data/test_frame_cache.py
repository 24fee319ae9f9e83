import os
import pickle

import numpy as np
import pytest
from physics_samples import described, numbered

from mpp.data.frame_cache import Cached
from mpp.data.pdebench_writer import write_pdebench
from mpp.data.readers.pdebench import PDEBench

NAMES = ("velocity_x", "velocity_y", "tracer")


@pytest.fixture
def file(tmp_path):
    description = described(*NAMES, boundary="wall")
    arrays = numbered(3, 20, description)
    write_pdebench(tmp_path / "ins.h5", "incompressible", arrays, description, "lzf")
    return tmp_path / "ins.h5", arrays, description


def test_the_cache_gives_the_same_frames_bit_for_bit(file, tmp_path):
    path, arrays, _ = file
    cached = Cached(PDEBench(path), tmp_path / "cache")
    assert cached.description == PDEBench(path).description
    for start, stop in ((0, 20), (3, 4), (17, 20)):
        np.testing.assert_array_equal(cached.read(2, start, stop), arrays[2, start:stop])


def test_numpy_maps_the_file_as_it_is(file, tmp_path):
    path, arrays, _ = file
    cached = Cached(PDEBench(path), tmp_path / "cache")
    np.testing.assert_array_equal(np.memmap(cached.path, "f4", "r", shape=arrays.shape), arrays)


def test_a_cache_is_written_once(file, tmp_path):
    path, _, _ = file
    counted = []
    for _ in range(2):
        cached = Cached(PDEBench(path), tmp_path / "cache", counted.append)
    assert counted == [1, 2, 3]
    assert sorted(one.suffix for one in cached.path.parent.iterdir()) == [".f32", ".json"]


def test_many_small_frames_are_decoded_at_once(file, tmp_path, monkeypatch):
    data, asked = PDEBench(file[0]), []
    monkeypatch.setattr(data, "fill", lambda number, start, out: asked.append(len(out)))
    Cached(data, tmp_path / "cache")
    assert asked == [20, 20, 20]


def test_a_file_that_has_changed_is_decoded_anew(file, tmp_path):
    path, arrays, description = file
    first = Cached(PDEBench(path), tmp_path / "cache").path
    write_pdebench(path, "incompressible", -arrays, description)
    again = Cached(PDEBench(path), tmp_path / "cache")
    assert again.path != first
    np.testing.assert_array_equal(again.read(0, 0, 2), -arrays[0, :2])


def test_a_nan_leaves_no_cache_behind(file, tmp_path):
    path, arrays, description = file
    arrays[1, 18, 0, 2, 2] = np.nan
    write_pdebench(path, "incompressible", arrays, description)
    with pytest.raises(ValueError, match=r"ins.h5: .*velocity_x: frame 18 holds nan"):
        Cached(PDEBench(path), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_cache_that_was_cut_off_is_named_and_made_anew(file, tmp_path):
    path, arrays, _ = file
    cached = Cached(PDEBench(path), tmp_path / "cache")
    os.truncate(cached.path, 1000)
    with pytest.raises(ValueError, match=r"ins-\w+\.f32: truncated"):
        cached.read(2, 0, 1)
    np.testing.assert_array_equal(
        Cached(PDEBench(path), tmp_path / "cache").read(2, 0, 1), arrays[2, :1]
    )


def test_a_cache_travels_to_another_process(file, tmp_path):
    path, arrays, _ = file
    cached = Cached(PDEBench(path), tmp_path / "cache")
    cached.read(0, 0, 1)
    there = pickle.loads(pickle.dumps(cached))
    np.testing.assert_array_equal(there.read(1, 3, 5), arrays[1, 3:5])
