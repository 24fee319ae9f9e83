from functools import partial
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint
from physics_samples import described, numbered
from trainers import silent_trainer

from mpp.data.batch import Batch
from mpp.data.datamodule import PhysicsData
from mpp.data.dataset import Windows
from mpp.data.description import FIELDS
from mpp.data.shards import Shards, make_sample, recipe
from mpp.data.simulated import Simulated
from mpp.data.writers import write_pdebench, write_well
from sciformer.data.shards.writer import write_shards
from sciformer.data.splits import split_by_id

CNS = ("velocity_x", "velocity_y", "density", "pressure")
HALVES = {"train": 0.5, "val": 0.25, "test": 0.25}
SMALL = {"history": 2, "test_horizon": 2, "batch_size": 2, "steps": 6, "splits": HALVES}


@pytest.fixture
def files(tmp_path):
    """Three systems of other fields, axes and sizes."""
    cns = described(*CNS, flips=(0, 1))
    write_pdebench(tmp_path / "cns.h5", "compressible", numbered(12, 6, cns), cns, "lzf")
    line = described("velocity_x", axes=1)
    write_pdebench(tmp_path / "burgers.h5", "burgers", numbered(12, 5, line), line)
    well = described("tracer", "wind_x", "wind_y", boundaries=("periodic", "wall"))
    write_well(tmp_path / "well.hdf5", "w", numbered(12, 7, well), well)
    return [str(tmp_path / name) for name in ("cns.h5", "burgers.h5", "well.hdf5")]


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


def test_no_trajectory_is_in_two_splits(files):
    data = PhysicsData(files, **SMALL)
    for system in range(3):
        chosen = [set(data.parts(name, 1)[system].windows.chosen) for name in HALVES]
        assert sum(map(len, chosen)) == len(set.union(*chosen)) == 12


@pytest.mark.process
@pytest.mark.parametrize("mixture", ["round_robin", "uniform"])
def test_a_training_is_the_same_for_any_number_of_workers(files, mixture):
    """Augmented and noisy: both are drawn for the sample, not in its order."""
    options = {**SMALL, "mixture": mixture, "augment": True, "noise": 0.1, "seed": 3}
    alone = list(PhysicsData(files, **options).train_dataloader())
    spread = list(PhysicsData(files, **options, workers=1).train_dataloader())
    for one, other in zip(alone, spread, strict=True):
        assert one.system == other.system
        assert one.boundaries == other.boundaries
        for a, b in zip(one[:3], other[:3], strict=True):
            assert torch.equal(a, b)


@pytest.mark.process
def test_a_worker_opens_anew_what_this_process_has_open(files):
    data = PhysicsData(files, **SMALL, workers=2)
    here = [source.read(0, 0, 2) for source in data.sources.values()]
    assert len(list(data.train_dataloader())) == 6
    for source, frames in zip(data.sources.values(), here, strict=True):
        np.testing.assert_array_equal(source.read(0, 0, 2), frames)


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_share_a_batch_and_what_is_drawn_for_each_sample(files, world):
    options = {**SMALL, "batch_size": 4, "augment": True, "noise": 0.1}
    data = PhysicsData(files, **options)
    whole = list(data.train_dataloader())
    for rank in range(world):
        data.trainer = SimpleNamespace(global_rank=rank, world_size=world)
        for one, mine in zip(whole, data.train_dataloader(), strict=True):
            assert one.system == mine.system
            assert torch.equal(one.frames[rank::world], mine.frames)


class Persistence(LightningModule):
    """The last frame times a number that is learned."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.5))
        self.seen, self.validated = [], []

    def training_step(self, batch, batch_idx):
        assert batch.boundaries[0] in {"periodic", "wall"}
        self.seen.append((batch.system, float(batch.frames.double().sum())))
        return (self.scale * batch.frames[:, -1] - batch.target[:, 0]).square().mean()

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.validated.append((dataloader_idx, batch.system))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.0)


def fit(data, folder, steps, path=None):
    module = Persistence()
    kept = ModelCheckpoint(folder, every_n_train_steps=8, filename="{step}")
    trainer = silent_trainer(
        max_steps=steps, num_sanity_val_steps=0, enable_checkpointing=True, callbacks=[kept]
    )
    trainer.fit(module, data, ckpt_path=path, weights_only=True)
    return module


def test_lightning_trains_on_it_and_resumes_within_an_epoch(files, tmp_path):
    options = {**SMALL, "mixture": "uniform", "augment": True, "noise": 0.1}
    whole = fit(PhysicsData(files, **options), tmp_path, 10).seen
    first = fit(PhysicsData(files, **options), tmp_path, 8).seen
    rest = fit(PhysicsData(files, **options), tmp_path, 10, tmp_path / "step=8.ckpt").seen
    assert first + rest == whole


def test_lightning_validates_each_system_in_a_loader_of_its_own(files, tmp_path):
    validated = fit(PhysicsData(files, **SMALL), tmp_path, 6).validated
    assert set(validated) == {(0, 0), (1, 1), (2, 2)}


def test_a_loader_goes_on_where_its_state_was_taken(files):
    options = {**SMALL, "augment": True, "noise": 0.1}
    loader = PhysicsData(files, **options).train_dataloader()
    list(loader)
    running = iter(loader)
    for _ in range(3):
        next(running)
    state = loader.state_dict()
    rest = list(running)
    again = PhysicsData(files, **options).train_dataloader()
    again.load_state_dict(state)
    for one, other in zip(rest, again, strict=True):
        assert torch.equal(one.frames, other.frames)
        assert torch.equal(one.target, other.target)


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


def test_a_split_without_trajectories_of_a_system_leaves_it_out_with_a_warning(files):
    options = {**SMALL, "splits": {"train": 1.0, "val": 0.0, "test": 0.0}}
    data = PhysicsData(files[:1], **options)
    assert len(list(data.train_dataloader())) == 6
    with pytest.raises(ValueError, match="for val; cns: none of 12 trajectories is in val"):
        data.val_dataloader()


def test_a_training_that_has_nothing_to_validate_on_is_refused_before_it_begins(files, tmp_path):
    few = [{"system": "burgers", "count": 2, "frames": 6, "shape": [8]}]
    data = PhysicsData(simulate=few, **{**SMALL, "splits": None})
    with pytest.raises(ValueError, match=r"^splits: .*burgers: trajectories: 2, too few"):
        data.check()
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ValueError, match="cache: cannot write to"):
        PhysicsData(files, **SMALL, cache=str(tmp_path / "taken")).check()


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


def test_a_training_without_validation_has_no_loader_for_it(files, tmp_path):
    options = {**SMALL, "splits": {"train": 1.0, "val": 0.0, "test": 0.0}}
    data = PhysicsData(files[:1], **options)
    data.check()
    module = fit(data, tmp_path, 2)
    assert module.seen
    assert not module.validated


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
