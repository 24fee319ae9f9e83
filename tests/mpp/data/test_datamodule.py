from functools import partial

import h5py
import numpy as np
import pytest
import torch
from physics_samples import CNS, HALVES, SMALL, described, numbered

from mpp.data.batch import Batch
from mpp.data.datamodule import PhysicsData
from mpp.data.dataset import Windows
from mpp.data.description import FIELDS
from mpp.data.pdebench_writer import write_pdebench
from mpp.data.shards import Shards, make_sample, recipe
from mpp.data.simulated import Simulated
from sciformer.data.shards.writer import write_shards
from sciformer.data.splits import split_by_id


def test_batches_are_of_one_system_each_with_its_fields_and_boundaries(files):
    data = PhysicsData(files, **SMALL)
    assert data.fields == [*FIELDS, "wind_x", "wind_y"]
    batches = list(data.train_dataloader())
    assert [batch.system for batch in batches] == [0, 1, 2, 0, 1, 2]
    assert [tuple(batch.frames.shape) for batch in batches[:3]] == [
        (2, 2, 4, 6, 8),
        (2, 2, 1, 6),
        (2, 2, 3, 6, 8),
    ]
    assert batches[0].target.shape == (2, 1, 4, 6, 8)
    for batch, names in zip(batches, (CNS, ["velocity_x"], ["tracer", "wind_x"]), strict=False):
        rows = [data.fields.index(name) for name in names]
        assert batch.fields.tolist()[: len(rows)] == rows
    assert batches[1].boundaries == ("periodic",)
    assert batches[2].boundaries == ("periodic", "wall")


def test_a_window_is_what_the_file_holds_history_first(files):
    with h5py.File(files[0]) as file:
        stored = np.stack([file[key][:] for key in ("Vx", "Vy", "density", "pressure")], 2)
    ids = [f"cns.h5/{number}" for number in range(12)]
    (first, *_) = split_by_id(ids, HALVES)["val"]
    (loader, *_) = PhysicsData(files[:1], **SMALL).val_dataloader()
    batch = next(iter(loader))
    np.testing.assert_array_equal(batch.frames[1], stored[first, 1:3])
    np.testing.assert_array_equal(batch.target[1], stored[first, 3:4])


def test_another_epoch_augments_otherwise(files):
    loader = PhysicsData(files[1:2], **SMALL, augment=True, noise=0.1).train_dataloader()
    first, second = list(loader), list(loader)
    assert not any(torch.equal(a.frames, b.frames) for a, b in zip(first, second, strict=True))


def test_noise_is_on_the_history_of_the_training_only(files):
    options = dict(SMALL)
    quiet, loud = (PhysicsData(files, **options, noise=noise) for noise in (0.0, 0.5))
    for a, b in zip(quiet.train_dataloader(), loud.train_dataloader(), strict=True):
        assert torch.equal(a.target, b.target)
        assert not torch.equal(a.frames, b.frames)
    for a, b in zip(quiet.val_dataloader()[0], loud.val_dataloader()[0], strict=True):
        assert torch.equal(a.frames, b.frames)


def test_the_cache_changes_no_number(files, tmp_path):
    plain = PhysicsData(files, **SMALL)
    cached = PhysicsData(files, **SMALL, cache=str(tmp_path / "cache"))
    cached.prepare_data()
    cached.setup("fit")
    assert len(list((tmp_path / "cache").glob("*.f32"))) == 3
    for a, b in zip(plain.train_dataloader(), cached.train_dataloader(), strict=True):
        assert torch.equal(a.frames, b.frames)


def test_validation_takes_at_most_so_many_windows_of_each_system_evenly_spread(files):
    data = PhysicsData(files, **SMALL, val_windows=3)
    loaders = data.val_dataloader()
    assert [sum(len(batch.frames) for batch in loader) for loader in loaders] == [3, 3, 3]
    windows = data.parts("val", 1, 3)[0].windows
    assert windows.place(0) == (windows.chosen[0], 0)
    assert len({windows.place(number) for number in range(3)}) == 3


def test_the_test_looks_further_ahead(files):
    batch = next(iter(PhysicsData(files, **SMALL).test_dataloader()[0]))
    assert batch.target.shape[1] == 2


def test_files_may_be_a_pattern_a_folder_and_renamed(files, tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    cns = described(*CNS)
    for name in ("a.h5", "b.hdf5"):
        write_pdebench(folder / name, "compressible", numbered(8, 6, cns), cns)
    entry = {"path": f"{folder}", "name": "flow", "rename": {"density": "rho"}}
    data = PhysicsData([entry, f"{folder}/*.h5"], **SMALL)
    assert data.systems == ["flow", "more"]
    assert [len(source) for source in data.sources.values()] == [16, 8]
    assert "rho" in data.fields


def test_a_simulated_system_is_described_and_the_same_by_number():
    options = {"shape": [8, 8], "frames": 4}
    data = Simulated("shallow_water", 3, 1, options)
    assert data.description.names == ("height", "velocity_x", "velocity_y")
    assert [part.axes for part in data.description.components] == [(), (0,), (1,)]
    assert data.description.turns
    more = Simulated("shallow_water", 5, 1, options)
    np.testing.assert_array_equal(data.read(2, 0, 4), more.read(2, 0, 4))


def test_a_system_is_simulated_before_workers_fork_off():
    simulate = [{"system": "burgers", "count": 12, "shape": [16], "frames": 5}]
    data = PhysicsData(simulate=simulate, **SMALL)
    assert "arrays" not in vars(data.sources["burgers"])
    data.train_dataloader()
    assert "arrays" in vars(data.sources["burgers"])


def test_a_scan_names_the_first_trajectory_that_is_not_sound(files):
    with h5py.File(files[1], "r+") as file:
        file["tensor"][7, 4, 2] = np.nan
    data = PhysicsData(files, **SMALL, scan=True)
    with pytest.raises(
        ValueError, match=r"burgers\.h5: 7: velocity_x: frame 4 holds nan at \(2,\)"
    ):
        data.check()
    PhysicsData(files, **SMALL, scan=False).check()


def test_simulated_systems_and_files_are_mixed(files):
    simulate = [{"system": "burgers", "count": 12, "shape": [16], "frames": 5, "name": "b"}]
    data = PhysicsData(files[:1], simulate, **SMALL)
    assert data.systems == ["cns", "b"]
    assert [batch.system for batch in data.train_dataloader()] == [0, 1] * 3


def test_shards_give_the_trajectories_that_the_simulator_gives(tmp_path):
    options = {"shape": [8, 8], "frames": 4, "parameters": {"modes": 2}}
    made = recipe("incompressible", 2, 6, 2, options)
    write_shards(
        tmp_path / "ins", lambda number: make_sample(number, "incompressible", 2, options), made
    )
    read, simulated = Shards(tmp_path / "ins"), Simulated("incompressible", 6, 2, options)
    assert read.description == simulated.description
    assert read.ids == simulated.ids
    for number in range(6):
        np.testing.assert_array_equal(read.read(number, 1, 4), simulated.read(number, 1, 4))
    assert PhysicsData([str(tmp_path / "ins")], **SMALL).systems == ["ins"]


def test_windows_are_by_trajectory_and_then_by_first_frame():
    data = Simulated("burgers", 3, 0, {"shape": [8], "frames": 6})
    windows = Windows(data, [2, 0], history=2, horizon=2)
    assert [windows.place(number) for number in range(len(windows))] == [
        (2, 0),
        (2, 1),
        (2, 2),
        (0, 0),
        (0, 1),
        (0, 2),
    ]


def test_a_batch_has_an_entry_per_sample_in_its_first_two_parts_only(files):
    batch = next(iter(PhysicsData(files, **SMALL).train_dataloader()))
    assert isinstance(batch, Batch)
    assert (len(batch.frames), len(batch.target)) == (2, 2)
    assert batch.fields.dtype == torch.int64


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"files": [], "simulate": []}, "files: empty, and so is simulate"),
        ({"files": ["nowhere/*.h5"]}, r"nowhere/\*\.h5: no such file"),
        ({"files": [{"name": "a"}]}, r"files\[0\]\.path: missing; "),
        (
            {"files": [{"path": "a", "field": "b"}]},
            r"files\[0\]\.field: no such key; there are axes, ",
        ),
        ({"files": [{"path": ["a"]}]}, r"path: \['a'\] is no str"),
        ({"files": [{"path": "a", "rename": 3}]}, r"rename: 3 is no dict\[str, str\]"),
        ({"files": [{"path": "a", "rename": {"b": 3}}]}, "rename: {'b': 3} is no dict"),
        ({"files": [{"path": "a", "fields": "ab"}]}, r"fields: 'ab' is neither a list"),
        ({"simulate": [{"system": "burgers", "count": "x"}]}, "count: 'x' is no int"),
        ({"simulate": [{"system": "burgers", "shape": 8}]}, "shape: 8 is no list"),
        ({"simulate": [{"system": "burgers", "dt": "x"}]}, "dt: 'x' is no float"),
        ({"simulate": [{"system": "burgers", "parameters": [1]}]}, r"parameters: \[1\] is no dict"),
        ({"horizon": 0}, "horizon: 0 is less than 1"),
        ({"test_horizon": 0}, "test_horizon: 0 is less than 1"),
        (
            {"splits": {"train": 0.8, "val": 0.1, "test": 0.2}},
            "splits: .*0.2.* are not shares of 1",
        ),
        ({"simulate": ["weather"]}, "weather"),
        ({"simulate": [{"system": "burgers", "shape": [4, 4]}]}, r"shape: \[4, 4\]"),
        ({"history": 7}, r"cns\.h5: frames: 6 are too few for history 7"),
        ({"fields": ["height"]}, r"fields: .*cns\.h5: no 'velocity_x'; there are height"),
        ({"mixture": "often"}, "mixture: 'often'"),
        ({"splits": {"train": 1.0}}, "splits: "),
        ({"noise": -1.0}, "noise: -1.0"),
        ({"batch_size": 0}, "batch_size: 0"),
    ],
)
def test_what_cannot_be_is_named_in_one_line(files, change, said):
    with pytest.raises(ValueError, match=said) as caught:
        PhysicsData(**{"files": files[:1], **SMALL, **change})
    assert "\n" not in str(caught.value)


def test_two_systems_of_one_name_are_refused(files):
    with pytest.raises(ValueError, match=r"files\[1\]: 'cns' is that of files\[0\], too"):
        PhysicsData([files[0], files[0]], **SMALL)


def test_a_training_that_has_nothing_to_validate_on_is_refused_before_it_begins(files, tmp_path):
    few = [{"system": "burgers", "count": 2, "frames": 6, "shape": [8]}]
    data = PhysicsData(simulate=few, **{**SMALL, "splits": None})
    with pytest.raises(ValueError, match=r"^splits: .*burgers: trajectories: 2, too few"):
        data.check()
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ValueError, match="cache: cannot write to"):
        PhysicsData(files, **SMALL, cache=str(tmp_path / "taken")).check()


def test_a_component_of_a_vector_under_another_name_is_mirrored_as_before(files, tmp_path):
    """Else augmentation would train on flows that no equation has."""
    data = PhysicsData([{"path": files[0], "fields": ["u", "v", "rho", "p"]}], **SMALL)
    other = PhysicsData([{"path": files[0], "rename": {"velocity_x": "u"}}], **SMALL)
    for source in (data.sources["cns"], other.sources["cns"]):
        assert [part.axes for part in source.description.components] == [(0,), (1,), (), ()]
        assert source.description.names[0] == "u"
    assert data.sources["cns"].description.conserved == ("rho",)


def test_names_for_what_has_names_of_its_own_are_refused(files, tmp_path):
    given = recipe("burgers", 0, 2, 1, {"frames": 6, "shape": [8]})
    options = {"system": "burgers", "seed": 0, "options": {"frames": 6, "shape": [8]}}
    write_shards(tmp_path / "shards", partial(make_sample, **options), given)
    for path in (files[2], str(tmp_path / "shards")):
        with pytest.raises(ValueError, match="names its own; use rename"):
            PhysicsData([{"path": path, "fields": ["a"]}], **SMALL)
    with pytest.raises(ValueError, match=r"files\[0\]\.constants: .*: a file of PDEBench has none"):
        PhysicsData([{"path": files[0], "constants": True}], **SMALL)


def test_the_vocabulary_and_all_options_travel_in_a_checkpoint(files):
    data = PhysicsData(files, **SMALL)
    assert data.hparams["fields"] == data.fields
    assert PhysicsData(**data.hparams).fields == data.fields
