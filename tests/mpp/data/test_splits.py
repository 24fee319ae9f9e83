"""Which trajectories are trained on, validated and tested."""

import numpy as np
import pytest
from physics_samples import CNS, HALVES, SMALL, described, numbered

from mpp.data.datamodule import PhysicsData
from mpp.data.pdebench_writer import write_pdebench


def test_no_trajectory_is_in_two_splits(files):
    data = PhysicsData(files, **SMALL)
    for system in range(3):
        chosen = [set(data.parts(name, 1)[system].windows.chosen) for name in HALVES]
        assert sum(map(len, chosen)) == len(set.union(*chosen)) == 12


def test_a_split_without_trajectories_of_a_system_leaves_it_out_with_a_warning(files):
    options = {**SMALL, "splits": {"train": 1.0, "val": 0.0, "test": 0.0}}
    data = PhysicsData(files[:1], **options)
    assert len(list(data.train_dataloader())) == 6
    with pytest.raises(ValueError, match="for val; cns: none of 12 trajectories is in val"):
        data.val_dataloader()


@pytest.mark.parametrize(("frames", "bounds"), [(30, [0, 18, 20, 23, 25, 30])])
def test_one_trajectory_is_split_in_time_with_gaps_of_the_history(frames, bounds):
    one = [{"system": "burgers", "count": 1, "frames": frames, "shape": [8]}]
    shares = {"train": 0.7, "val": 0.1, "test": 0.2}
    data = PhysicsData(simulate=one, **{**SMALL, "splits": shares})
    data.check()
    source = data.sources["burgers"]
    for split, first, stop in zip(shares, bounds[::2], bounds[1::2], strict=True):
        (part,) = data.parts(split, 1)
        windows = part.windows
        assert len(windows) == stop - first - 2
        past, future = (np.empty(shape, np.float32) for shape in windows.shapes)
        windows.fill(len(windows) - 1, past, future)
        np.testing.assert_array_equal(future, source.read(0, stop - 1, stop))
    assert data.predicted == {"burgers": ["burgers/0/0/25-29@0", "burgers/0/0/25-29@1"]}


def test_a_trajectory_too_short_to_be_split_in_time_is_refused():
    one = [{"system": "burgers", "count": 1, "frames": 13, "shape": [8]}]
    data = PhysicsData(simulate=one, **{**SMALL, "splits": None})
    with pytest.raises(ValueError, match=r"frames: 13, too few to split them in time: .* need 14$"):
        data.check()


def brought(folder, places):
    """A small file in each place: its trajectories start with its number."""
    cns = described(*CNS)
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        write_pdebench(folder / place, "compressible", numbered(4, 6, cns), cns)
    return folder


@pytest.mark.parametrize(
    ("places", "sizes"),
    [
        (["data/train/a.hdf5", "data/valid/a.hdf5", "data/test/a.hdf5"], [4, 4, 4]),  # The Well
        (["Train/a.h5", "Train/b.h5", "Test/a.h5"], [7, 1, 4]),  # PDEBench's folders
        (["a_rand_Train.h5", "a_rand_valid.h5"], [3, 4, 1]),
        (["a_Train.h5", "b_Train.h5", "c_Train.h5"], [10, 1, 1]),
    ],
)
def test_splits_that_folders_and_files_bring_are_used(tmp_path, places, sizes):
    folder = brought(tmp_path / "flow", places)
    data = PhysicsData([str(folder)], **{**SMALL, "splits": None})
    data.check()
    parts = [data.parts(split, 1)[0].windows for split in ("train", "val", "test")]
    assert [len(windows.chosen) for windows in parts] == sizes
    ids = {windows.trajectories.ids[one] for windows in parts for one in windows.chosen}
    assert len(ids) == sum(sizes)


def test_a_file_in_no_split_among_others_that_are_is_refused(tmp_path):
    folder = brought(tmp_path / "flow", ["a_train.h5", "a_test.h5", "a_more.h5"])
    with pytest.raises(ValueError, match=r"files\[0\]: .*a_more\.h5: in no split"):
        PhysicsData([str(folder)], **SMALL)
    assert PhysicsData([{"path": str(folder), "split": "train"}], **SMALL).parts("train", 1)


def test_a_file_of_ids_splits_the_trajectories(files, tmp_path):
    words = ["train"] * 6 + ["valid"] * 4 + ["test"] * 2
    lines = [f"cns.h5/{number},{word}\n" for number, word in enumerate(words)]
    (tmp_path / "split.csv").write_text("id,split\n" + "".join(lines))
    entry = {"path": files[0], "split": str(tmp_path / "split.csv")}
    data = PhysicsData([entry], **SMALL)
    assert data.parts("val", 1)[0].windows.chosen.tolist() == [6, 7, 8, 9]
    with pytest.raises(ValueError, match=r"files\[0\]\.split: 'dev'"):
        PhysicsData([{**entry, "split": "dev"}], **SMALL)
