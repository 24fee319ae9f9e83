"""One's own arrays in any storage, described by a table or by the names of their axes."""

import pickle

import h5py
import numpy as np
import pytest
import zarr
from scipy.io import netcdf_file

from mpp.data.sources import open_files

RUNS, FRAMES, NX, NY = 3, 5, 6, 4
RNG = np.random.default_rng(0)
U, V = RNG.normal(size=(2, RUNS, FRAMES, NX, NY)).astype("f4")
TABLE = {
    "fields": {"velocity_x": "u", "velocity_y": "v"},
    "axes": ["run", "time", "x", "y"],
    "boundaries": ["periodic", "wall"],
    "dt": 0.01,
    "spacing": [0.1, 0.2],
}


def write_hdf5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def write_zarr(path, arrays):
    group = zarr.open_group(path, mode="w")
    for name, array in arrays.items():
        group.create_array(name, data=array, chunks=(1, 1, *array.shape[2:]))


WRITERS = {
    "a.h5": write_hdf5,
    "a.npz": lambda path, arrays: np.savez(path, **arrays),
    "b.npz": lambda path, arrays: np.savez_compressed(path, **arrays),
    "a.zarr": write_zarr,
}


def opened(path, **said):
    return open_files({"path": str(path), **said})[1]


def refused(path, **said):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the tests look at the text
        opened(path, **said)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", WRITERS)
def test_a_table_reads_arrays_of_any_storage(tmp_path, name):
    WRITERS[name](tmp_path / name, {"u": U, "v": V})
    found = pickle.loads(pickle.dumps(opened(tmp_path / name, **TABLE)))
    assert (len(found), found.frames, found.description.shape) == (RUNS, FRAMES, (NX, NY))
    assert found.description.names == ("velocity_x", "velocity_y")
    assert [part.axes for part in found.description.components] == [(0,), (1,)]
    assert found.description.boundaries == ("periodic", "wall")
    assert (found.description.dt, found.description.spacing) == (0.01, (0.1, 0.2))
    np.testing.assert_array_equal(found.read(2, 1, 4), np.stack([U, V], 2)[2, 1:4])


@pytest.mark.parametrize("name", WRITERS)
def test_axes_may_be_in_any_order(tmp_path, name):
    turned = {"u": U.transpose(1, 3, 0, 2), "v": V.transpose(1, 3, 0, 2)}
    WRITERS[name](tmp_path / name, turned)
    found = opened(tmp_path / name, **{**TABLE, "axes": ["time", "y", "run", "x"]})
    np.testing.assert_array_equal(found.read(2, 1, 4), np.stack([U, V], 2)[2, 1:4])


def test_a_vector_is_split_along_its_component_axis(tmp_path):
    write_hdf5(tmp_path / "a.h5", {"w": np.stack([U, V], -1), "p": U})
    table = {**TABLE, "axes": ["run", "time", "x", "y", "component"]}
    found = opened(tmp_path / "a.h5", **{**table, "fields": {"velocity": "w", "pressure": "p"}})
    assert found.description.names == ("velocity_x", "velocity_y", "pressure")
    np.testing.assert_array_equal(found.read(1, 0, 2), np.stack([U, V, U], 2)[1, :2])
    single = opened(tmp_path / "a.h5", **{**table, "fields": {"tracer": "w[1]"}})
    np.testing.assert_array_equal(single.read(1, 0, 2)[:, 0], V[1, :2])
    assert "w[2]: there are 2 components" in refused(
        tmp_path / "a.h5", **{**table, "fields": {"tracer": "w[2]"}}
    )


def test_components_that_are_no_vector_are_to_be_named_each(tmp_path):
    write_hdf5(tmp_path / "a.h5", {"w": np.stack([U, V, U], -1)})
    table = {**TABLE, "axes": ["run", "time", "x", "y", "component"], "fields": {"state": "w"}}
    assert "3 components; name each: NAME0: w[0], NAME1: w[1]" in refused(
        tmp_path / "a.h5", **table
    )
    found = opened(tmp_path / "a.h5", **{**table, "fields": ["a", "b", "c"]})
    assert found.description.names == ("a", "b", "c")
    assert "has 3 component(s)" in refused(tmp_path / "a.h5", **{**table, "fields": ["a", "b"]})


def test_apebench(tmp_path):
    """(run, time, channel, x) in a .npy file."""
    data = RNG.normal(size=(4, 6, 1, 16)).astype("f4")
    np.save(tmp_path / "burgers.npy", data)
    found = opened(
        tmp_path / "burgers.npy",
        fields=["velocity_x"],
        axes=["run", "time", "channel", "x"],
        boundaries=["periodic"],
        dt=0.1,
        spacing=[1 / 16],
    )
    np.testing.assert_array_equal(found.read(3, 2, 6), data[3, 2:6])


def test_dpot(tmp_path):
    """A file for each trajectory with an array ``data`` of (x, y, time, channel)."""
    data = RNG.normal(size=(2, NX, NY, FRAMES, 3)).astype("f4")
    for number, one in enumerate(data):
        write_hdf5(tmp_path / f"{number}.hdf5", {"data": one})
    found = opened(
        tmp_path,
        fields=["velocity_x", "velocity_y", "tracer"],
        axes=["x", "y", "time", "channel"],
        boundaries=["open", "open"],
        dt=1.0,
        spacing=[1.0, 1.0],
    )
    assert found.ids == ["0.hdf5/0", "1.hdf5/0"]
    np.testing.assert_array_equal(found.read(1, 1, 3), np.moveaxis(data[1], (2, 3), (0, 1))[1:3])


def test_pdearena(tmp_path):
    """A group for each split with u, vx and vy of (run, time, x, y), and the grid beside them."""
    with h5py.File(tmp_path / "ns.h5", "w") as file:
        for key, array in (("u", U), ("vx", V), ("vy", -V)):
            file[f"train/{key}"] = array
        file["train/t"] = np.arange(FRAMES) * 1.5
        file["train/x"], file["train/y"] = np.arange(NX) * 0.25, np.arange(NY) * 0.5
        file["train/buo_y"] = np.array([0.1, 0.2, 0.3])
    found = opened(
        tmp_path / "ns.h5",
        fields={"tracer": "train/u", "velocity_x": "train/vx", "velocity_y": "train/vy"},
        axes=["run", "time", "x", "y"],
        boundaries=["wall", "wall"],
        parameters={"buoyancy": "train/buo_y", "viscosity": 0.01},
    )
    np.testing.assert_array_equal(found.read(0, 0, 5), np.stack([U, V, -V], 2)[0])
    assert (found.description.dt, found.description.spacing) == (1.5, (0.25, 0.5))
    assert found.scalars(1) == {"buoyancy": 0.2, "viscosity": 0.01}
    assert found.assumed == {}


def xarray_hdf5(path, values):
    """NetCDF 4 as xarray writes it: dimension scales, packed numbers."""
    with h5py.File(path, "w") as file:
        for name, size in zip(("time", "lat", "lon"), values.shape, strict=True):
            file[name] = np.arange(size) * 0.5
            file[name].make_scale(name)
        file["t2m"] = values
        for axis, name in enumerate(("time", "lat", "lon")):
            file["t2m"].dims[axis].attach_scale(file[name])
        file["t2m"].attrs.update(scale_factor=0.5, add_offset=273.0, units="K")


def xarray_netcdf3(path, values):
    with netcdf_file(path, "w") as file:
        for name, size in zip(("time", "lat", "lon"), values.shape, strict=True):
            file.createDimension(name, size)
            file.createVariable(name, "d", (name,))[:] = np.arange(size) * 0.5
        packed = file.createVariable("t2m", "h", ("time", "lat", "lon"))
        packed[:] = values
        packed.scale_factor, packed.add_offset = 0.5, 273.0


def xarray_zarr(path, values):
    group = zarr.open_group(path, mode="w", zarr_format=2)
    for name, size in zip(("time", "lat", "lon"), values.shape, strict=True):
        group.create_array(name, data=np.arange(size) * 0.5).attrs["_ARRAY_DIMENSIONS"] = [name]
    packed = group.create_array("t2m", data=values)
    packed.attrs.update(
        _ARRAY_DIMENSIONS=["time", "lat", "lon"], scale_factor=0.5, add_offset=273.0
    )


@pytest.mark.parametrize(
    ("name", "write"),
    [("a.nc", xarray_hdf5), ("b.nc", xarray_netcdf3), ("c.zarr", xarray_zarr)],
)
def test_files_whose_axes_have_names_need_boundaries_alone(tmp_path, name, write):
    values = RNG.integers(-9, 9, (FRAMES, NY, NX)).astype("i2")
    write(tmp_path / name, values)
    found = opened(tmp_path / name, boundaries=["periodic", "open"])
    assert found.description.names == ("t2m",)
    assert found.description.shape == (NX, NY)
    assert (found.description.dt, found.description.spacing) == (0.5, (0.5, 0.5))
    frames = found.read(0, 1, 4)
    np.testing.assert_array_equal(frames[:, 0], values[1:4].swapaxes(1, 2) * 0.5 + 273)
    assert "boundaries" in refused(tmp_path / name)


def test_a_fill_value_is_no_number(tmp_path):
    write_hdf5(tmp_path / "a.h5", {"u": U, "v": V})
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["u"][1, 2, 3, 0] = 1e20
        file["u"].attrs["_FillValue"] = np.float32(1e20)
    found = opened(tmp_path / "a.h5", **TABLE)
    with pytest.raises(ValueError, match=r"velocity_x: frame 2 holds nan at \(3, 0\)"):
        found.read(1, 0, 3)


def test_constant_fields_are_repeated_in_every_frame(tmp_path):
    floor, each = U[0, 0], U[:, 1]
    write_hdf5(tmp_path / "a.h5", {"u": U, "v": V, "b": floor, "c": each})
    found = opened(tmp_path / "a.h5", **TABLE, constants={"floor": "b", "each": "c"})
    frames = found.read(2, 1, 3)
    np.testing.assert_array_equal(frames[:, 2], np.stack([floor] * 2))
    np.testing.assert_array_equal(frames[:, 3], np.stack([each[2]] * 2))
    assert "neither (6, 4) nor (run, *space)" in refused(
        tmp_path / "a.h5", **TABLE, constants={"x": "u"}
    )


def test_a_file_of_unknown_layout_is_answered_with_what_is_in_it_and_a_table(tmp_path):
    write_hdf5(tmp_path / "a.h5", {"u": U, "runs/v": V, "nu": np.ones(3)})
    said = refused(tmp_path / "a.h5")
    assert said.startswith(f"path: {tmp_path / 'a.h5'}: of unknown layout; it holds ")
    assert "u (3, 5, 6, 4) float32" in said
    assert "nu (3,) float64" in said
    assert "fields: {v: runs/v, u: u}, axes: [run, time, x, y]" in said
    assert "parameters: {nu: nu}}" in said


def test_a_short_axis_of_the_only_array_may_be_components_and_times_need_no_step(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((6, 9, 3, 8, 12), "f4"))
    said = refused(tmp_path / "a.npy")
    assert "fields: [NAME, NAME, NAME], axes: [run, time, component, x, y]" in said
    assert "dt: TIME_BETWEEN_FRAMES" in said
    write_hdf5(tmp_path / "a.h5", {"all": np.ones((9, 8, 12, 2), "f4"), "time": np.arange(9)})
    said = refused(tmp_path / "a.h5")
    assert "axes: [time, x, y, component], boundaries: [" in said
    assert "dt" not in said


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fields": {"a": "w"}}, "w: no such array; there are u, v"),
        ({"axes": ["time", "x", "y"]}, "u: shape (3, 5, 6, 4) has 4 axes, but axes"),
        ({"axes": ["run", "time", "x", "q"]}, "'q' of 4 points is none of run, time, component"),
        ({"axes": ["run", "run", "x", "y"]}, "run is there twice"),
        ({"axes": ["run", "component", "x", "y"]}, "lacks time"),
        ({"fields": {"a": "u", "b": 3}}, "'b': 3 are not two names"),
        ({"fields": {"velocity_x": "u", "velocity": "u"}}, None),
        ({"parameters": {"nu": "nothing"}}, "'nothing' is no array of 1 or 3 numbers"),
        ({"parameters": {"nu": [1]}}, "[1] is neither a number nor the name"),
        ({"constants": True}, "true is for files of The Well"),
    ],
)
def test_what_does_not_fit_the_table_is_named(tmp_path, change, reason):
    write_hdf5(tmp_path / "a.h5", {"u": U, "v": V})
    if reason is None:
        assert opened(tmp_path / "a.h5", **{**TABLE, **change}).description.names[1] == "velocity"
    else:
        assert reason in refused(tmp_path / "a.h5", **{**TABLE, **change})


def test_arrays_of_other_sizes_are_refused_with_both(tmp_path):
    write_hdf5(tmp_path / "a.h5", {"u": U, "v": V[:, :4]})
    said = refused(tmp_path / "a.h5", **TABLE)
    assert "v: {'run': 3, 'time': 4, 'x': 6, 'y': 4}, but u has {'run': 3, 'time': 5" in said


def test_a_zarr_store_cannot_link_elsewhere_run_code_or_lie_about_its_size(tmp_path):
    write_zarr(tmp_path / "a.zarr", {"u": U, "v": V})
    (tmp_path / "secret").write_bytes(bytes(96))
    chunk = tmp_path / "a.zarr/u/c/0/0/0/0"
    chunk.unlink()
    chunk.symlink_to(tmp_path / "secret")
    assert "a link; only what is in the store is read" in refused(tmp_path / "a.zarr", **TABLE)
    group = zarr.open_group(tmp_path / "b.zarr", mode="w", zarr_format=2)
    group.create_array("u", shape=U.shape, dtype="f4", chunks=(1, 1, NX, NY))
    meta = tmp_path / "b.zarr/u/.zarray"
    honest = meta.read_text()
    meta.write_text(honest.replace('"id": "blosc"', '"id": "pickle"'))
    assert "pickle" in refused(tmp_path / "b.zarr", **TABLE)
    meta.write_text(honest.replace("3,", "3000000000,", 1))
    assert "is not true" in refused(tmp_path / "b.zarr", **TABLE)


def test_damaged_files_of_arrays_are_one_line(tmp_path):
    for name, content in (
        ("a.npy", b"\x93NUMPY\x01\x00\xff\xff"),
        ("a.npz", b"PK\x03\x04" + bytes(50)),
        ("a.nc", b"CDF\x01" + b"\xff" * 60),
        ("b.nc", b"CDF\x05" + bytes(60)),
    ):
        (tmp_path / name).write_bytes(content)
        assert refused(tmp_path / name, **TABLE).startswith(str(tmp_path / name))
