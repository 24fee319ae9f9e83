import h5py
import numpy as np
import pytest
from physics_samples import SPACE, described, numbered

from mpp.data.dataset import Windows
from mpp.data.description import components
from mpp.data.readers.well import Well
from mpp.data.well_writer import write_well

NAMES = ("height", "velocity_x", "velocity_y", "stress_xx", "stress_xy", "stress_yx", "stress_yy")


def written(path, **changed):
    description = described(*NAMES, **changed)
    arrays = numbered(2, 5, description)
    constant = np.arange(48, dtype="f4").reshape(6, 8)
    constants = {"floor": constant, "each": np.stack([constant, -constant])}
    write_well(path, "made_here", arrays, description, constants, {"viscosity": 0.5})
    return arrays, description


def test_what_is_written_in_the_layout_of_the_well_is_read_back(tmp_path):
    arrays, description = written(tmp_path / "a.hdf5", boundaries=("periodic", "wall"))
    read = Well(tmp_path / "a.hdf5")
    assert read.description.components == description.components
    assert read.description.boundaries == ("periodic", "wall")
    assert read.description.spacing == (0.5, 0.25)
    for trajectory in range(2):
        np.testing.assert_array_equal(read.read(trajectory, 0, 5), arrays[trajectory])
    assert read.scalars(0) == {"viscosity": np.float32(0.5)}


def test_mirror_images_are_taken_along_periodic_axes_of_the_well_only(tmp_path):
    written(tmp_path / "a.hdf5", boundaries=("periodic", "wall"))
    assert Well(tmp_path / "a.hdf5").description.flips == (0,)


def test_constant_fields_are_the_same_in_every_frame(tmp_path):
    written(tmp_path / "a.hdf5")
    read = Well(tmp_path / "a.hdf5", constants=True)
    assert read.description.names == (*NAMES, "floor", "each")
    floor = np.arange(48, dtype="f4").reshape(6, 8)
    frames = read.read(1, 1, 4)
    np.testing.assert_array_equal(frames[:, -2], np.stack([floor] * 3))
    np.testing.assert_array_equal(frames[:, -1], np.stack([-floor] * 3))


def test_fields_of_all_ranks_and_axes_have_their_component_in_its_place(tmp_path):
    """Raw HDF5 as the-well's documentation describes it, without our writer."""
    rng = np.random.default_rng(0)
    shapes = {
        "t0_fields/tracer": (3, 4, *SPACE),
        "t1_fields/velocity": (3, 4, *SPACE, 3),
        "t2_fields/stress": (3, 4, *SPACE, 3, 3),
    }
    values = {key: rng.normal(size=shape).astype("f4") for key, shape in shapes.items()}
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.attrs["n_trajectories"], file.attrs["grid_type"] = 3, "cartesian"
        file.create_group("dimensions").attrs["spatial_dims"] = ["x", "y", "z"]
        for name, size in zip(("time", "x", "y", "z"), (4, *SPACE), strict=True):
            file[f"dimensions/{name}"] = np.arange(size) * 0.5
        for key, value in values.items():
            group, name = key.split("/")
            file[key] = value
            file[group].attrs["field_names"] = [name]
            file[key].attrs["sample_varying"] = file[key].attrs["time_varying"] = True
            file[key].attrs["dim_varying"] = [True] * 3
    read = Well(tmp_path / "a.hdf5")
    frames = read.read(2, 1, 3)
    assert read.description.boundaries == ("open",) * 3
    for number, part in enumerate(read.description.components):
        stored = values[f"t{len(part.axes)}_fields/{part.base}"][2, 1:3]
        np.testing.assert_array_equal(frames[:, number], stored[(..., *part.axes)])


def test_a_field_that_does_not_vary_along_an_axis_or_between_trajectories_is_spread(tmp_path):
    written(tmp_path / "a.hdf5")
    line = np.arange(5 * 6, dtype="f4").reshape(5, 6, 1)
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        del file["t0_fields/height"]
        height = file["t0_fields"].create_dataset("height", data=line)
        height.attrs.update(sample_varying=False, time_varying=True, dim_varying=[True, False])
    frames = Well(tmp_path / "a.hdf5").read(1, 1, 3)
    np.testing.assert_array_equal(frames[:, 0], np.broadcast_to(line[1:3], (2, 6, 8)))


def conditions(path, *said):
    with h5py.File(path, "r+") as file:
        file.pop("boundary_conditions", None)
        for number, (dims, kind, mask) in enumerate(said):
            group = file.create_group(f"boundary_conditions/{number}")
            group.attrs["associated_dims"] = dims
            group.attrs["bc_type"] = kind
            group["mask"] = mask
    return Well(path).description


def ends(size, *at):
    mask = np.zeros(size, bool)
    mask[list(at)] = True
    return mask


def test_boundaries_are_what_the_masks_say_at_the_ends(tmp_path):
    path = tmp_path / "a.hdf5"
    written(path)
    assert conditions(path).boundaries == ("open", "open")
    both = conditions(path, ("y", "WALL", ends(8, 0, -1)), ("x", "PERIODIC", ends(6, 0, -1)))
    assert both.boundaries == ("periodic", "wall")
    one_side = conditions(path, (["y"], "WALL", ends(8, 0)))
    assert one_side.boundaries == ("open", "open")
    partly = np.zeros((6, 8), bool)
    partly[:, 0], partly[:, -1], partly[0, 3] = True, True, True
    assert conditions(path, (["x", "y"], "WALL", partly)).boundaries == ("open", "wall")


def test_a_declared_periodic_axis_is_periodic_though_its_mask_is_empty(tmp_path):
    path = tmp_path / "a.hdf5"
    written(path)
    said = conditions(path, ("x", "PERIODIC", ends(6)), ("y", "PERIODIC", ends(8)))
    assert said.boundaries == ("periodic", "periodic")


def test_components_are_named_by_the_coordinates_of_the_file():
    names = [part.name for part in components("v", 1, 2, ["theta", "phi"])]
    assert names == ["v_theta", "v_phi"]


def test_our_file_has_all_that_the_well_reads(tmp_path):
    """What ``WellDataset`` 1.2 looks up, in a list."""
    written(tmp_path / "a.hdf5")
    with h5py.File(tmp_path / "a.hdf5") as file:
        for name in ("dataset_name", "grid_type", "n_spatial_dims", "n_trajectories", "viscosity"):
            assert name in file.attrs
        assert list(file.attrs["simulation_parameters"]) == ["viscosity"]
        assert list(file["dimensions"].attrs["spatial_dims"]) == ["x", "y"]
        assert file["dimensions/time"].shape == (5,)
        for name in ("time", "x", "y"):
            assert not file[f"dimensions/{name}"].attrs["sample_varying"]
        for group in ("t0_fields", "t1_fields", "t2_fields"):
            for name in file[group].attrs["field_names"]:
                attributes = file[group][name].attrs
                assert {"dim_varying", "sample_varying", "time_varying"} <= set(attributes)
        for condition in file["boundary_conditions"].values():
            assert condition.attrs["bc_type"] in {"PERIODIC", "WALL", "OPEN"}
            assert len(condition.attrs["associated_dims"]) == 1
            assert condition["mask"].dtype == bool
        assert list(file["scalars"].attrs["field_names"]) == ["viscosity"]
        assert set(file["scalars/viscosity"].attrs) == {"sample_varying", "time_varying"}


def test_the_wells_own_reader_gives_the_same_windows_of_our_file(tmp_path):
    the_well = pytest.importorskip("the_well.data")
    written(tmp_path / "a.hdf5", boundaries=("periodic", "wall"))
    theirs = the_well.WellDataset(path=str(tmp_path), n_steps_input=2, n_steps_output=1)
    ours = Windows(Well(tmp_path / "a.hdf5"), range(2), history=2)
    assert len(theirs) == len(ours)
    window = np.empty((3, *ours.trajectories.frame_shape), np.float32)
    for number in range(len(ours)):
        ours.fill(number, window[:2], window[2:])
        sample = theirs[number]
        past = np.moveaxis(sample["input_fields"].numpy(), -1, 1)
        future = np.moveaxis(sample["output_fields"].numpy(), -1, 1)
        np.testing.assert_array_equal(np.concatenate([past, future]), window)
    names = [name for rank in theirs.metadata.field_names.values() for name in rank]
    assert names == list(ours.trajectories.description.names)
    assert sample["boundary_conditions"].tolist() == [[2, 2], [0, 0]]


def test_our_reader_gives_the_same_windows_of_the_wells_own_dummy_data(tmp_path):
    the_well = pytest.importorskip("the_well.data")
    dummy = pytest.importorskip("the_well.utils.dummy_data")
    dummy.write_dummy_data(str(tmp_path / "a.hdf5"))
    theirs = the_well.WellDataset(path=str(tmp_path), n_steps_input=2, n_steps_output=1)
    ours = Windows(Well(tmp_path / "a.hdf5"), range(2), history=2)
    assert len(theirs) == len(ours) == 16
    window = np.empty((3, *ours.trajectories.frame_shape), np.float32)
    for number in (0, 7, 8, 15):
        ours.fill(number, window[:2], window[2:])
        past = np.moveaxis(theirs[number]["input_fields"].numpy(), -1, 1)
        np.testing.assert_array_equal(past, window[:2])
    constants = Well(tmp_path / "a.hdf5", constants=True).read(1, 0, 1)[0, -1]
    np.testing.assert_array_equal(constants, theirs[8]["constant_fields"][..., 0].numpy())
    assert set(Well(tmp_path / "a.hdf5").scalars(0)) == {"a", "b", "time_varying_scalar"}
